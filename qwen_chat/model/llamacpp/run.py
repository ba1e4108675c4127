"""One request to llama.cpp: its callbacks, called in a thread that blocks, become events to iterate over."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from qwen_chat.errors import ContextLengthError, ModelError, as_model_error, model_errors
from qwen_chat.message import Usage
from qwen_chat.model.background_stream import BackgroundStream
from qwen_chat.model.llamacpp.server import Server

_OVERFULL = "Context size has been exceeded"
"""What llama.cpp tells all whom it answers when there is no room for one more token."""

_STREAMED = {"stream": True, "cache_prompt": True, "return_progress": True}
_WITH_IDS = {"return_tokens": True, "verbose": True}


class Run:
    """A request being answered; `crowded` is asked at each token, with their number, whether to give way."""

    def __init__(self, server: Server, request: dict[str, Any], crowded: Callable[[int], bool]) -> None:
        self._server = server
        self._request = {**request, **_STREAMED, **_WITH_IDS}
        self._crowded = crowded
        self._worker = BackgroundStream[dict[str, Any]](self._work)
        self.gave_way = False
        """Whether it was ended for want of room, not by itself."""
        self._cached = self._read = self._tokens = 0
        self._started = time.monotonic()
        self._first: float | None = None

    def events(self, cancel: Event) -> Iterator[dict[str, Any]]:
        """Yield what the engine tells, until it ends or `cancel` is set; closed, the engine's work ends.

        Raises: ContextLengthError, ModelError.
        """
        try:
            for event in self._worker.events(cancel):
                if "error" in event:
                    raise _error(event["error"])
                self._note(event)
                yield event
        finally:
            self._worker.stop()

    def cost(self) -> Usage:
        """Return what it cost so far, by the clock: of what is stopped the engine tells nothing."""
        now = time.monotonic()
        first = self._first or now
        prompt = len(self._request["prompt"]) if self._first else self._read
        return Usage(prompt, self._cached, self._tokens, first - self._started, now - first)

    def _note(self, event: dict[str, Any]) -> None:
        if (progress := event.get("prompt_progress")) is not None:
            self._cached, self._read = progress["cache"], progress["processed"]
        if event["choices"][0]["text"]:
            self._first = self._first or time.monotonic()
            self._tokens = _written(event)

    # In the engine's thread

    def _work(self, put: Callable[[dict[str, Any]], None]) -> None:
        def receive(events: dict[str, Any] | list[dict[str, Any]]) -> bool:
            """Take what the engine made; True tells it to stop."""
            for event in events if isinstance(events, list) else [events]:
                if _is_overfull(event):
                    self.gave_way = True
                else:
                    put(event)
                    self.gave_way = _goes_on(event) and self._crowded(_written(event))
            return self.gave_way or self._worker.stopped.is_set()

        with model_errors(as_llamacpp_error):
            self._server.handle_completions(self._request, receive)


def as_llamacpp_error(error: BaseException) -> ModelError:
    """Return an exception of llama.cpp as a ModelError that names it."""
    return as_model_error(error, "llama.cpp failed")


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
    with model_errors(as_llamacpp_error):
        server.handle_completions(request, receive)
    for event in found:
        if "error" in event:
            raise _error(event["error"])
    told = [event["choices"][0]["logprobs"] for event in found]
    return [choice for probabilities in filter(None, told) for choice in _top(probabilities)]


def _top(probabilities: dict[str, Any]) -> list[dict[str, Any]]:
    return [choice for token in probabilities["content"] for choice in token["top_logprobs"]]


def _goes_on(event: dict[str, Any]) -> bool:
    """Whether an event brings text and is not the last."""
    choice = event["choices"][0] if "error" not in event else {}
    return bool(choice.get("text")) and choice["finish_reason"] is None


def _written(event: dict[str, Any]) -> int:
    """Return how many tokens the answer has with an event."""
    count: int = event["__verbose"]["tokens_predicted"]
    return count


def _is_overfull(event: dict[str, Any]) -> bool:
    return str(event.get("error", {}).get("message", "")).startswith(_OVERFULL)


def _error(error: dict[str, Any]) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthError(error["n_prompt_tokens"], error["n_ctx"])
    return ModelError(f"llama.cpp refused the request: {error.get('message', error)}")
