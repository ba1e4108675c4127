"""Generates one answer: token ids from the engine's thread become a stream of deltas."""

import time
from collections.abc import Callable, Generator, Sequence
from threading import Event

from qwen_chat import i18n
from qwen_chat.errors import ModelError, as_model_error, model_errors
from qwen_chat.message import Delta, FinishReason, Prefill, Usage
from qwen_chat.model.background_stream import BackgroundStream
from qwen_chat.model.hf.decode import DecodeTask
from qwen_chat.model.hf.detokenizer import Detokenizer
from qwen_chat.model.hf.engine_state import EngineState
from qwen_chat.model.hf.sampling import processors
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.sampling import SamplingParams


class Generation:
    """The generation of one answer; closing its stream stops the work within one step.

    The prompt ends with `before`, the token ids of a partial answer to continue.
    """

    def __init__(
        self, engine: EngineState, prompt: Sequence[int], params: SamplingParams, before: Sequence[int] = ()
    ) -> None:
        self._engine = engine
        self._prompt = prompt
        self._begun = len(before)
        self._params = params
        room = engine.context_length - len(prompt)
        self._limit = min(params.max_new_tokens or room, room)
        self._stream = BackgroundStream[Prefill | list[int]](self._decode)
        self._text = Detokenizer(engine.tokenizer, params.stop or (), before, engine.marks)
        self._ids: list[int] = []
        self._whole = 0
        self._cached = 0
        self._started = time.monotonic()
        self._first: float | None = None

    def stream(self, cancel: Event, splitter: ReasoningSplitter) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, with the reasoning split from the text.

        Raises: ModelError.
        """
        try:
            for event in self._stream.events(cancel):
                if isinstance(event, Prefill):
                    yield Delta(prefill=event)
                    continue
                if text := self._feed(event):
                    yield from splitter.feed_deltas(text)
                if self._text.stopped:
                    break
            self._whole = len(self._ids) - self._text.pending
            yield from splitter.feed_deltas(self._text.flush())
            yield from splitter.flush_deltas()
            yield Delta(finish_reason=self._finish_reason(interrupted=cancel.is_set()), usage=self._usage())
        finally:
            self._stream.stop()

    def token_ids(self) -> list[int]:
        """Return the ids of the finished answer's text."""
        return [id for id in self._ids[: self._whole] if id not in self._engine.ends]

    # In the reader's thread

    def _feed(self, tokens: list[int]) -> str:
        self._first = self._first or time.monotonic()
        self._ids += tokens
        return self._text.feed([id for id in tokens if id not in self._engine.ends])

    def _finish_reason(self, *, interrupted: bool) -> FinishReason:
        if self._text.stopped or (self._ids and self._ids[-1] in self._engine.ends):
            return "stop"
        if interrupted:
            return "interrupted"
        return "length" if len(self._ids) == self._params.max_new_tokens else "context"

    def _usage(self) -> Usage:
        now = time.monotonic()
        first = self._first or now
        return Usage(len(self._prompt), self._cached, len(self._ids), first - self._started, now - first)

    # In the engine's thread

    def _decode(self, put: Callable[[Prefill | list[int]], None]) -> None:
        engine, length = self._engine, len(self._prompt) - self._begun
        with model_errors(as_answer_error), engine.lock:
            alpha = engine.alpha(length)
            cache, self._cached = engine.prefixes.take(self._prompt, alpha)
            choose = processors(self._params, engine.vocabulary, length)
            task = DecodeTask(
                self._prompt, cache, self._cached, choose, engine.ends, self._limit, begun=self._begun
            )
            ids = list(self._prompt)
            try:
                for event in engine.decoder.decode(task, engine.candidates() if engine.candidates else None):
                    if not isinstance(event, Prefill):
                        ids += event
                    with engine.lock.released():
                        put(event)
                    if self._stream.stopped.is_set():
                        break
            except BaseException:
                engine.prefixes.clear()
                raise
            engine.prefixes.store(ids, cache, alpha)


def likeliest_tokens(
    engine: EngineState, prompt: Sequence[int], begun: int, number: int
) -> list[tuple[int, float]]:
    """Return the likeliest next token ids and their probabilities; the last `begun` ids are the answer's.

    Raises: ModelError.
    """
    with model_errors(as_answer_error), engine.lock:
        alpha = engine.alpha(len(prompt) - begun)
        cache, known = engine.prefixes.take(prompt, alpha)
        try:
            scores = engine.decoder.next_token_scores(prompt, cache, known, begun)[: engine.vocabulary]
        except BaseException:
            engine.prefixes.clear()
            raise
        engine.prefixes.store(prompt, cache, alpha)
    best = scores.softmax(-1).topk(min(number, engine.vocabulary))
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))


def as_answer_error(error: BaseException) -> ModelError:
    """Return an exception of torch or of a tokenizer as a ModelError that says what to try."""
    return as_model_error(error, out_of_memory=i18n.Text("model.out_of_memory_torch"))
