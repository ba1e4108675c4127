"""One call of llama.cpp; its callbacks arrive in a blocked thread and become events to iterate over."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from qwen_chat.errors import ContextLengthError, ModelError, as_model_error, model_errors
from qwen_chat.message import Usage
from qwen_chat.model.background_stream import BackgroundStream
from qwen_chat.model.llamacpp.server import Server

_CONTEXT_FULL = "Context size has been exceeded"
"""The error that llama.cpp sends to every running answer when there is no room for one more token."""

_STREAMED = {"stream": True, "cache_prompt": True, "return_progress": True}
_WITH_IDS = {"return_tokens": True, "verbose": True}

Json = dict[str, Any]


class EngineCall:
    """A request that llama.cpp is answering.

    At each token, `should_preempt` gets the number of tokens and returns whether the answer must yield.
    """

    def __init__(self, server: Server, request: Json, should_preempt: Callable[[int], bool]) -> None:
        self._server = server
        self._request = {**request, **_STREAMED, **_WITH_IDS}
        self._should_preempt = should_preempt
        self._stream = BackgroundStream[Json](self._work)
        self.preempted = False
        """Whether the call was ended for lack of context, before its answer ended."""
        self._cached_tokens = self._read_tokens = self._tokens = 0
        self._started = time.monotonic()
        self._first_token: float | None = None

    def events(self, cancel: Event) -> Iterator[Json]:
        """Yield the engine's events until it ends or `cancel` is set; closing the iterator ends its work.

        Raises: ContextLengthError, ModelError.
        """
        try:
            for event in self._stream.events(cancel):
                if "error" in event:
                    raise _request_error(event["error"])
                self._count(event)
                yield event
        finally:
            self._stream.stop()

    def usage(self) -> Usage:
        """Return the cost so far by the clock: the engine reports nothing about a call that is stopped."""
        now = time.monotonic()
        first = self._first_token or now
        prompt = len(self._request["prompt"]) if self._first_token else self._read_tokens
        return Usage(prompt, self._cached_tokens, self._tokens, first - self._started, now - first)

    def _count(self, event: Json) -> None:
        if (progress := event.get("prompt_progress")) is not None:
            self._cached_tokens, self._read_tokens = progress["cache"], progress["processed"]
        if event["choices"][0]["text"]:
            self._first_token = self._first_token or time.monotonic()
            self._tokens = _completion_tokens(event)

    # In the engine's thread

    def _work(self, put: Callable[[Json], None]) -> None:
        def receive(events: Json | list[Json]) -> bool:
            """Take the engine's events, and return whether it must stop."""
            for event in events if isinstance(events, list) else [events]:
                if _is_context_full(event):
                    self.preempted = True
                else:
                    put(event)
                    self.preempted = _is_unfinished(event) and self._should_preempt(_completion_tokens(event))
            return self.preempted or self._stream.stopped.is_set()

        with model_errors(as_llamacpp_error):
            self._server.handle_completions(self._request, receive)


def as_llamacpp_error(error: BaseException) -> ModelError:
    """Return an exception of llama.cpp as a ModelError that names it."""
    return as_model_error(error, "llama.cpp failed")


def likeliest_tokens(server: Server, prompt: Sequence[int], number: int) -> list[Json]:
    """Return the likeliest tokens after a prompt, each with id, bytes and logprob.

    Raises: ModelError.
    """
    received: list[Json] = []

    def receive(events: Json | list[Json]) -> bool:
        received.extend(events if isinstance(events, list) else [events])
        return False

    # Which token is sampled does not matter: the probabilities are those before any sampling.
    request = {"prompt": prompt, "n_predict": 1, "logprobs": number, "temperature": 1.0, "cache_prompt": True}
    with model_errors(as_llamacpp_error):
        server.handle_completions(request, receive)
    for event in received:
        if "error" in event:
            raise _request_error(event["error"])
    logprobs = [event["choices"][0]["logprobs"] for event in received]
    return [choice for each in filter(None, logprobs) for choice in _top_choices(each)]


def _top_choices(logprobs: Json) -> list[Json]:
    return [choice for token in logprobs["content"] for choice in token["top_logprobs"]]


def _is_unfinished(event: Json) -> bool:
    """Return whether an event brings text and is not the last."""
    choice = event["choices"][0] if "error" not in event else {}
    return bool(choice.get("text")) and choice["finish_reason"] is None


def _completion_tokens(event: Json) -> int:
    """Return how many tokens the answer has, the event's included."""
    count: int = event["__verbose"]["tokens_predicted"]
    return count


def _is_context_full(event: Json) -> bool:
    return str(event.get("error", {}).get("message", "")).startswith(_CONTEXT_FULL)


def _request_error(error: Json) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthError(error["n_prompt_tokens"], error["n_ctx"])
    return ModelError(f"llama.cpp refused the request: {error.get('message', error)}")
