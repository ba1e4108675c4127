"""One answer of llama.cpp as a stream of deltas, whatever others ask of the same engine meanwhile."""

from collections.abc import Callable, Generator, Iterator, Sequence
from threading import Event
from typing import Any

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, FinishReason, Prefill, Usage
from qwen_chat.model.llamacpp.run import Run
from qwen_chat.model.llamacpp.server import Server
from qwen_chat.model.llamacpp.shared_context import SharedContext
from qwen_chat.model.queue import Ticket
from qwen_chat.model.reasoning import ReasoningSplitter

Pieces = Sequence[tuple[str, list[int]]]
"""Texts as they came, each with the id of its last token."""

_MOST_RUNS = 100
"""For one answer: an engine that finds no room when all have is not asked for ever."""


class Completion:
    """A request and the stream of its answer; closing the stream ends the engine's work.

    An answer that gives way to others goes on after them from its very tokens, which `exact_ids` tells; the
    draws of its seed begin anew there.
    """

    def __init__(
        self,
        server: Server,
        request: dict[str, Any],
        context: SharedContext,
        exact_ids: Callable[[Pieces], list[int]],
    ) -> None:
        self._server, self._request = server, request
        self._context = context
        self._exact_ids = exact_ids
        self.written: list[tuple[str, list[int]]] = []
        self._spent = Usage(prompt_tokens=len(request["prompt"]))
        """What the runs before the present one cost."""

    def stream(self, cancel: Event, splitter: ReasoningSplitter) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, reasoning parted off; and how many are answered before it goes on.

        Raises: ContextLengthError, ModelError.
        """
        with self._context.enter(self._spent.prompt_tokens) as place:
            for _ in range(_MOST_RUNS):
                for before in self._context.wait(place, cancel):
                    yield Delta(waiting=before)
                run = self._run(place)
                yield from self._deltas(run, cancel, splitter)
                if cancel.is_set():
                    yield from splitter.rest()
                    yield Delta(finish_reason="interrupted", usage=self._with(run.cost()))
                if cancel.is_set() or not run.gave_way:
                    return
                self._spent = self._with(run.cost())
        raise ModelError("llama.cpp found no room for this answer: try again, or with a larger --ctx-size")

    def _run(self, place: Ticket) -> Run:
        """Return the request for what is left to be written."""
        before = len(self._request["prompt"]) + self._spent.completion_tokens
        request = {**self._request, "prompt": [*self._request["prompt"], *self._exact_ids(self.written)]}
        if request["n_predict"] > 0:
            request["n_predict"] -= self._spent.completion_tokens

        def crowded(tokens: int) -> bool:
            place.tokens = before + tokens
            # After its last token nothing is left to go on with.
            return tokens != request["n_predict"] and self._context.should_preempt(place)

        return Run(self._server, request, crowded)

    def _deltas(self, run: Run, cancel: Event, splitter: ReasoningSplitter) -> Iterator[Delta]:
        for event in run.events(cancel):
            if (progress := event.get("prompt_progress")) is not None:
                yield Delta(prefill=Prefill(progress["processed"], progress["total"]))
            choice = event["choices"][0]
            if text := choice["text"]:
                self.written.append((text, event["__verbose"]["tokens"]))
                yield from splitter.deltas(text)
            if choice["finish_reason"] is not None:
                yield from splitter.rest()
                usage = self._with(_usage(event["timings"]))
                yield Delta(finish_reason=self._finish(choice["finish_reason"], usage), usage=usage)

    def _finish(self, reason: str, usage: Usage) -> FinishReason:
        if reason != "length":
            return "stop"
        return "context" if usage.context_tokens >= self._context.size else "length"

    def _with(self, run: Usage) -> Usage:
        """Return the cost of the answer with a run's; what was read of the prompt, the first one tells."""
        spent = self._spent
        first = spent if spent.completion_tokens else run
        return Usage(
            first.prompt_tokens,
            first.cached_tokens,
            spent.completion_tokens + run.completion_tokens,
            spent.prefill_seconds + run.prefill_seconds,
            spent.decode_seconds + run.decode_seconds,
        )


def _usage(timings: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=timings["cache_n"] + timings["prompt_n"],
        cached_tokens=timings["cache_n"],
        completion_tokens=timings["predicted_n"],
        prefill_seconds=timings["prompt_ms"] / 1000,
        decode_seconds=timings["predicted_ms"] / 1000,
    )
