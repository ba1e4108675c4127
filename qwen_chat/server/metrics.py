"""What /metrics tells Prometheus."""

import time
from collections.abc import AsyncGenerator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from qwen_chat.message import Delta, Usage

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        by_model, registry = ("model",), self._registry
        running, waiting = "Answers that are being generated.", "Answers that wait for the model."
        self._running = Gauge("qwen_chat_requests_running", running, by_model, registry=registry)
        self._waiting = Gauge("qwen_chat_requests_waiting", waiting, by_model, registry=registry)
        self._prompt = Counter("qwen_chat_prompt_tokens", "Tokens of prompts.", by_model, registry=registry)
        self._cached = Counter(
            "qwen_chat_cached_tokens", "Those from the prefix cache.", by_model, registry=registry
        )
        self._written = Counter(
            "qwen_chat_completion_tokens", "Generated tokens.", by_model, registry=registry
        )
        self._answers = Counter(
            "qwen_chat_answers", "Answers by how they ended.", ("model", "reason"), registry=registry
        )
        first = "From a request to its first token."
        self._first = Histogram(
            "qwen_chat_first_token_seconds", first, by_model, registry=registry, buckets=_SECONDS
        )

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)

    async def observe(
        self, model: str, deltas: AsyncGenerator[tuple[int, Delta], None]
    ) -> AsyncGenerator[tuple[int, Delta], None]:
        """Yield the answers to a request, and count them."""
        watch = _Watch(self._running.labels(model), self._waiting.labels(model))
        started, first, reason = time.monotonic(), True, "interrupted"
        try:
            async for index, delta in deltas:
                watch.see(waiting=delta.waiting is not None)
                if first and (delta.text or delta.reasoning or delta.tool_calls):
                    self._first.labels(model).observe(time.monotonic() - started)
                    first = False
                if delta.usage is not None:
                    self._count(model, delta.usage)
                reason = delta.finish_reason or reason
                yield index, delta
        except Exception:
            reason = "error"
            raise
        finally:
            watch.end()
            self._answers.labels(model, reason).inc()

    def _count(self, model: str, usage: Usage) -> None:
        self._prompt.labels(model).inc(usage.prompt_tokens)
        self._cached.labels(model).inc(usage.cached_tokens)
        self._written.labels(model).inc(usage.completion_tokens)


class _Watch:
    """Counts a request among the waiting or the running ones."""

    def __init__(self, running: Gauge, waiting: Gauge) -> None:
        self._running, self._waiting = running, waiting
        self._current: Gauge | None = None

    def see(self, *, waiting: bool) -> None:
        """Note which of them it is."""
        gauge = self._waiting if waiting else self._running
        if gauge is not self._current:
            self.end()
            gauge.inc()
            self._current = gauge

    def end(self) -> None:
        """Note that it has ended."""
        if self._current is not None:
            self._current.dec()
            self._current = None
