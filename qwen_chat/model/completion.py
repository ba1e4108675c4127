"""One request to llama.cpp: its callbacks, called in a thread that blocks, become a stream of deltas."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
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
        progress = {"stream": True, "cache_prompt": True, "return_progress": True}
        self._request = {**request, **progress, "return_tokens": True, "verbose": True}
        self._context_length = context_length
        self._tokenize = tokenize
        self._worker = Worker[dict[str, Any]](self._work)
        self.written: list[tuple[str, list[int]]] = []
        """Texts as they came, each with the id of its last token."""
        self._cached = 0
        self._started = time.monotonic()
        self._first: float | None = None

    def stream(self, cancel: Event, splitter: ReasoningSplitter) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, reasoning parted off.

        Raises: ContextLengthError, ModelError.
        """
        try:
            for event in self._worker.events(cancel):
                yield from self._deltas(event, splitter)
            if cancel.is_set():
                yield from splitter.rest()
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

    def _deltas(self, event: dict[str, Any], splitter: ReasoningSplitter) -> Iterator[Delta]:
        if "error" in event:
            raise _error(event["error"])
        if (progress := event.get("prompt_progress")) is not None:
            self._cached = progress["cache"]
            yield Delta(prefill=Prefill(progress["processed"], progress["total"]))
        choice = event["choices"][0]
        if text := choice["text"]:
            self._first = self._first or time.monotonic()
            self.written.append((text, event["__verbose"]["tokens"]))
            yield from splitter.deltas(text)
        if choice["finish_reason"] is not None:
            yield from splitter.rest()
            usage = _usage(event["timings"])
            yield Delta(finish_reason=self._finish(choice["finish_reason"], usage), usage=usage)

    def _finish(self, reason: str, usage: Usage) -> FinishReason:
        if reason != "length":
            return "stop"
        return "context" if usage.context_tokens >= self._context_length else "length"

    def _usage_so_far(self) -> Usage:
        """Return what a stopped answer cost; the engine does not tell, so its text is counted."""
        now = time.monotonic()
        first = self._first or now
        text = "".join(text for text, _ in self.written)
        tokens = len(self._tokenize(text)) if text else 0
        return Usage(len(self._request["prompt"]), self._cached, tokens, first - self._started, now - first)


def likeliest(server: Server, prompt: Sequence[int], number: int) -> list[dict[str, Any]]:
    """Return the likeliest tokens after a prompt, each with id, bytes and logprob.

    Raises: ModelError.
    """
    found: list[dict[str, Any]] = []

    def receive(events: dict[str, Any] | list[dict[str, Any]]) -> bool:
        found.extend(events if isinstance(events, list) else [events])
        return False

    # One token is asked for, whichever: the probabilities are those before any sampling.
    request = {"prompt": prompt, "n_predict": 1, "logprobs": number, "temperature": 1.0, "cache_prompt": True}
    try:
        server.handle_completions(request, receive)
    except Exception as error:
        raise ModelError(f"llama.cpp failed: {error}") from error
    for event in found:
        if "error" in event:
            raise _error(event["error"])
    told = [event["choices"][0]["logprobs"] for event in found]
    return [choice for probabilities in filter(None, told) for choice in _top(probabilities)]


def _top(probabilities: dict[str, Any]) -> list[dict[str, Any]]:
    return [choice for token in probabilities["content"] for choice in token["top_logprobs"]]


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
