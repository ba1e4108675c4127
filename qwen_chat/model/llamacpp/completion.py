"""One answer of llama.cpp as a stream of deltas; the engine may answer other requests at the same time."""

from collections.abc import Callable, Generator, Iterator, Sequence
from threading import Event
from typing import Any

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, FinishReason, Prefill, Usage
from qwen_chat.model.llamacpp.engine_call import EngineCall
from qwen_chat.model.llamacpp.sampling import read_logprobs
from qwen_chat.model.llamacpp.server import LlamaServer
from qwen_chat.model.llamacpp.shared_context import SharedContext
from qwen_chat.model.queue import Ticket
from qwen_chat.model.reasoning import ReasoningSplitter

TextsWithIds = Sequence[tuple[str, list[int]]]
"""Texts as they came, each with the id of its last token."""

_NO_ROOM = "llama.cpp found no room for this answer: try again, or with a larger --ctx-size"

_MAX_CALLS = 100
"""The most calls for one answer: the loop must end even if the engine never finds room."""


class Completion:
    """A request and the stream of its answer; closing the stream ends the engine's work.

    With `top_logprobs`, each token comes with its log-probability and those of so many others.
    An answer that was preempted continues after the others from its exact tokens, which `exact_ids` returns;
    the random draws of its seed start again there.
    """

    def __init__(
        self,
        server: LlamaServer,
        request: dict[str, Any],
        context: SharedContext,
        exact_ids: Callable[[TextsWithIds], list[int]],
        top_logprobs: int | None = None,
    ) -> None:
        self._top_logprobs = top_logprobs
        self._server, self._request = server, request
        self._context = context
        self._exact_ids = exact_ids
        self.texts: list[tuple[str, list[int]]] = []
        """The text so far, with ids as in TextsWithIds."""
        self._earlier_usage = Usage(prompt_tokens=len(request["prompt"]))
        """The cost of the calls before the present one."""

    def stream(self, cancel: Event, splitter: ReasoningSplitter) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, with the reasoning split off; while it waits, the requests before it.

        Raises: ContextLengthError, ModelError.
        """
        with self._context.enter(self._earlier_usage.prompt_tokens) as ticket:
            for _ in range(_MAX_CALLS):
                for before in self._context.wait(ticket, cancel):
                    yield Delta(waiting=before)
                call = self._next_call(ticket)
                yield from self._deltas(call, cancel, splitter)
                if cancel.is_set():
                    yield from splitter.flush_deltas()
                    yield Delta(finish_reason="interrupted", usage=self._total_usage(call.usage()))
                if cancel.is_set() or not call.preempted:
                    return
                if "grammar" in self._request:
                    # The rest of the answer would begin the grammar anew.
                    raise ModelError(_NO_ROOM)
                self._earlier_usage = self._total_usage(call.usage())
        raise ModelError(_NO_ROOM)

    def _next_call(self, ticket: Ticket) -> EngineCall:
        """Return the call for the rest of the answer."""
        prompt_tokens = len(self._request["prompt"]) + self._earlier_usage.completion_tokens
        request = {**self._request, "prompt": [*self._request["prompt"], *self._exact_ids(self.texts)]}
        if request["n_predict"] > 0:
            request["n_predict"] -= self._earlier_usage.completion_tokens

        def should_preempt(tokens: int) -> bool:
            ticket.tokens = prompt_tokens + tokens
            # After its last token there is nothing left to continue.
            return tokens != request["n_predict"] and self._context.should_preempt(ticket)

        return EngineCall(self._server, request, should_preempt)

    def _deltas(self, call: EngineCall, cancel: Event, splitter: ReasoningSplitter) -> Iterator[Delta]:
        for event in call.events(cancel):
            if (progress := event.get("prompt_progress")) is not None:
                yield Delta(prefill=Prefill(progress["processed"], progress["total"]))
            if logprobs := read_logprobs(event, self._top_logprobs):
                yield Delta(logprobs=logprobs)
            if text := event["content"]:
                self.texts.append((text, event["tokens"]))
                yield from splitter.feed_deltas(text)
            if event["stop"]:
                yield from splitter.flush_deltas()
                usage = self._total_usage(_read_usage(event["timings"]))
                reason, stop_text = self._finish_reason(event["stop_type"], usage), event["stopping_word"]
                yield Delta(finish_reason=reason, stop_text=stop_text, usage=usage)

    def _finish_reason(self, reason: str, usage: Usage) -> FinishReason:
        if reason != "limit":
            return "stop"
        return "context" if usage.context_tokens >= self._context.size else "length"

    def _total_usage(self, call: Usage) -> Usage:
        """Return the cost of the answer including a call; the first call says what was read of the prompt."""
        earlier = self._earlier_usage
        first = earlier if earlier.completion_tokens else call
        return Usage(
            first.prompt_tokens,
            first.cached_tokens,
            earlier.completion_tokens + call.completion_tokens,
            earlier.prefill_seconds + call.prefill_seconds,
            earlier.decode_seconds + call.decode_seconds,
        )


def _read_usage(timings: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=timings["cache_n"] + timings["prompt_n"],
        cached_tokens=timings["cache_n"],
        completion_tokens=timings["predicted_n"],
        prefill_seconds=timings["prompt_ms"] / 1000,
        decode_seconds=timings["predicted_ms"] / 1000,
    )
