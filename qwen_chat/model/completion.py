"""One request to llama.cpp: its callbacks, called in a thread that blocks, become a stream of deltas."""

import time
from collections.abc import Callable, Generator, Iterator
from threading import Event
from typing import Any, Protocol

from qwen_chat.errors import ContextLengthError, ModelError
from qwen_chat.message import Delta, FinishReason, Prefill, Usage
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.worker import Worker


class Server(Protocol):
    """What is used of xllamacpp.Server."""

    listening_address: str

    def handle_completions(self, request: dict[str, Any], callback: Callable[[Any], bool], /) -> None:
        """Answer a request, event by event, until the callback returns True; blocks."""


class Completion:
    """A request and the stream of its answer; closing the stream ends the engine's work."""

    def __init__(
        self,
        server: Server,
        request: dict[str, Any],
        context_length: int,
        tokenize: Callable[[str], list[int]],
    ) -> None:
        self._server = server
        self._request = {**request, "stream": True, "cache_prompt": True, "return_progress": True}
        self._context_length = context_length
        self._tokenize = tokenize
        self._worker = Worker[dict[str, Any]](self._work)
        self._text: list[str] = []
        self._cached = 0
        self._started = time.monotonic()
        self._first: float | None = None

    def stream(self, cancel: Event, splitter: ReasoningSplitter | None) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, reasoning parted off where there is a splitter.

        Raises: ContextLengthError, ModelError.
        """
        try:
            for event in self._worker.events(cancel):
                yield from self._deltas(event, splitter)
            if cancel.is_set():
                yield from self._rest(splitter)
                yield Delta(finish_reason="interrupted", usage=self._usage_so_far())
        finally:
            self._worker.stop()

    # In the engine's thread

    def _work(self, put: Callable[[dict[str, Any]], None]) -> None:
        def receive(events: dict[str, Any] | list[dict[str, Any]]) -> bool:
            """Take what the engine made; True tells it to stop."""
            for event in events if isinstance(events, list) else [events]:
                put(event)
            return self._worker.stopped.is_set()

        try:
            self._server.handle_completions(self._request, receive)
        except Exception as error:
            raise ModelError(f"llama.cpp failed: {error}") from error

    # In the reader's thread

    def _deltas(self, event: dict[str, Any], splitter: ReasoningSplitter | None) -> Iterator[Delta]:
        if "error" in event:
            raise _error(event["error"])
        if (progress := event.get("prompt_progress")) is not None:
            self._cached = progress["cache"]
            yield Delta(prefill=Prefill(progress["processed"], progress["total"]))
        choice = event["choices"][0]
        if text := choice["text"]:
            self._first = self._first or time.monotonic()
            self._text.append(text)
            for piece, reasoning in splitter.feed(text) if splitter else [(text, "")]:
                yield Delta(piece, reasoning)
        if choice["finish_reason"] is not None:
            yield from self._rest(splitter)
            usage = _usage(event["timings"])
            yield Delta(finish_reason=self._finish(choice["finish_reason"], usage), usage=usage)

    def _rest(self, splitter: ReasoningSplitter | None) -> Iterator[Delta]:
        for piece, reasoning in splitter.flush() if splitter else ():
            yield Delta(piece, reasoning)

    def _finish(self, reason: str, usage: Usage) -> FinishReason:
        if reason != "length":
            return "stop"
        return "context" if usage.context_tokens >= self._context_length else "length"

    def _usage_so_far(self) -> Usage:
        """Return what a stopped answer cost; the engine does not tell, so its text is counted."""
        now = time.monotonic()
        first = self._first or now
        tokens = len(self._tokenize("".join(self._text))) if self._text else 0
        return Usage(len(self._request["prompt"]), self._cached, tokens, first - self._started, now - first)


def _usage(timings: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=timings["cache_n"] + timings["prompt_n"],
        cached_tokens=timings["cache_n"],
        completion_tokens=timings["predicted_n"],
        prefill_seconds=timings["prompt_ms"] / 1000,
        decode_seconds=timings["predicted_ms"] / 1000,
    )


def _error(error: dict[str, Any]) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthError(error["n_prompt_tokens"], error["n_ctx"])
    return ModelError(f"llama.cpp refused the request: {error.get('message', error)}")
