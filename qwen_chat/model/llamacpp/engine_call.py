"""One call of llama.cpp, as events to iterate over."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from threading import Event
from typing import Any

from qwen_chat.errors import ContextLengthError, ModelError, as_model_error, model_errors
from qwen_chat.message import Usage
from qwen_chat.model.background_stream import BackgroundStream
from qwen_chat.model.llamacpp.connection import EngineConnection, read_events
from qwen_chat.model.llamacpp.server import LlamaServer

_PATH = "/completion"
_STREAMED = {"stream": True, "cache_prompt": True, "return_progress": True, "return_tokens": True}

_CONTEXT_FULL = "Context size has been exceeded"
"""The error that llama.cpp sends to every running answer when there is no room for one more token."""

Json = dict[str, Any]


class EngineCall:
    """A request that llama.cpp is answering.

    At each token, `should_preempt` gets the number of tokens and returns whether the answer must yield.
    """

    def __init__(self, server: LlamaServer, request: Json, should_preempt: Callable[[int], bool]) -> None:
        self._server = server
        self._request = {**request, **_STREAMED}
        self._should_preempt = should_preempt
        self._stream = BackgroundStream[Json](self._work)
        self._connection: EngineConnection | None = None
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
            self._stop()

    def usage(self) -> Usage:
        """Return the cost so far by the clock: the engine reports nothing about a call that is stopped."""
        now = time.monotonic()
        first = self._first_token or now
        prompt = len(self._request["prompt"]) if self._first_token else self._read_tokens
        return Usage(prompt, self._cached_tokens, self._tokens, first - self._started, now - first)

    def _count(self, event: Json) -> None:
        if (progress := event.get("prompt_progress")) is not None:
            self._cached_tokens, self._read_tokens = progress["cache"], progress["processed"]
        if event["content"]:
            self._first_token = self._first_token or time.monotonic()
            self._tokens = event["tokens_predicted"]

    def _stop(self) -> None:
        self._stream.stop()
        # The other thread does the same in the other order: one of the two sees what the other did.
        if self._connection is not None:
            self._connection.hang_up()

    # In a thread of its own, which ends when the engine has let go of the request

    def _work(self, put: Callable[[Json], None]) -> None:
        with model_errors(as_llamacpp_error), self._server.connection() as connection:
            self._connection = connection
            if self._is_over():
                return
            try:
                self._receive_all(connection, put)
            except (OSError, HTTPException):
                if not self._is_over():
                    raise

    def _receive_all(self, connection: EngineConnection, put: Callable[[Json], None]) -> None:
        for event in read_events(connection.request("POST", _PATH, self._request)):
            if not self._is_over():
                self._receive(event, put)
                if self.preempted:
                    connection.hang_up()

    def _receive(self, event: Json, put: Callable[[Json], None]) -> None:
        if _is_context_full(event):
            self.preempted = True
            return
        put(event)
        if event.get("content") and not event["stop"]:
            self.preempted = self._should_preempt(event["tokens_predicted"])

    def _is_over(self) -> bool:
        return self.preempted or self._stream.stopped.is_set()


def as_llamacpp_error(error: BaseException) -> ModelError:
    """Return an exception of llama.cpp as a ModelError that names it."""
    return as_model_error(error, "llama.cpp failed")


def likeliest_tokens(server: LlamaServer, prompt: Sequence[int], number: int) -> list[Json]:
    """Return the likeliest tokens after a prompt, each with id, bytes and logprob.

    Raises: ModelError.
    """
    # Which token is sampled does not matter: the probabilities are those before any sampling.
    request = {"prompt": prompt, "n_predict": 1, "n_probs": number, "temperature": 1.0, "cache_prompt": True}
    with model_errors(as_llamacpp_error), server.connection() as connection:
        answer = json.loads(connection.request("POST", _PATH, request).read())
    if "error" in answer:
        raise _request_error(answer["error"])
    return [
        choice for token in answer.get("completion_probabilities", ()) for choice in token["top_logprobs"]
    ]


def _is_context_full(event: Json) -> bool:
    return str(event.get("error", {}).get("message", "")).startswith(_CONTEXT_FULL)


def _request_error(error: Json) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthError(error["n_prompt_tokens"], error["n_ctx"])
    return ModelError(f"llama.cpp refused the request: {error.get('message', error)}")
