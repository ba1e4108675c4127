"""One answer of a loaded checkpoint: ids from the engine's thread become a stream of deltas."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import torch
from tokenizers import Tokenizer

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, FinishReason, Prefill, Usage
from qwen_chat.model.hf.decode import Candidates, Decoder, Task
from qwen_chat.model.hf.kv import PrefixCache
from qwen_chat.model.hf.sampling import processors
from qwen_chat.model.hf.text import TextStream
from qwen_chat.model.hf.turns import FairLock
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.worker import Worker
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Engine:
    """What all answers of a checkpoint share; `ends` are the ids that end an answer."""

    decoder: Decoder
    prefixes: PrefixCache
    lock: FairLock
    tokenizer: Tokenizer
    vocabulary: int
    ends: frozenset[int]
    context_length: int
    alpha: Callable[[int], float]
    candidates: Callable[[], Candidates] | None = None


class Generation:
    """A request and the stream of its answer; closing the stream ends the work within a step."""

    def __init__(self, engine: Engine, prompt: Sequence[int], params: SamplingParams) -> None:
        self._engine = engine
        self._prompt = prompt
        self._params = params
        room = engine.context_length - len(prompt)
        self._limit = min(params.max_new_tokens or room, room)
        self._worker = Worker[Prefill | list[int]](self._work)
        self._text = TextStream(engine.tokenizer, params.stop or ())
        self._ids: list[int] = []
        self._cached = 0
        self._started = time.monotonic()
        self._first: float | None = None

    def stream(self, cancel: Event, splitter: ReasoningSplitter | None) -> Generator[Delta, None, None]:
        """Yield the answer's deltas, reasoning parted off where there is a splitter.

        Raises: ModelError.
        """
        try:
            for event in self._worker.events(cancel):
                if isinstance(event, Prefill):
                    yield Delta(prefill=event)
                    continue
                yield from _split(self._received(event), splitter)
                if self._text.stopped:
                    break
            yield from _split(self._text.flush(), splitter)
            yield from _rest(splitter)
            yield Delta(finish_reason=self._finish(interrupted=cancel.is_set()), usage=self._usage())
        finally:
            self._worker.stop()

    # In the reader's thread

    def _received(self, tokens: list[int]) -> str:
        self._first = self._first or time.monotonic()
        self._ids += tokens
        return self._text.feed([id for id in tokens if id not in self._engine.ends])

    def _finish(self, *, interrupted: bool) -> FinishReason:
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

    def _work(self, put: Callable[[Prefill | list[int]], None]) -> None:
        engine, length = self._engine, len(self._prompt)
        with engine.lock:
            alpha = engine.alpha(length)
            cache, self._cached = engine.prefixes.take(self._prompt, alpha)
            choose = processors(self._params, engine.vocabulary, length)
            task = Task(self._prompt, cache, self._cached, choose, engine.ends, self._limit)
            ids = list(self._prompt)
            try:
                for event in engine.decoder.run(task, engine.candidates() if engine.candidates else None):
                    if not isinstance(event, Prefill):
                        ids += event
                    with engine.lock.resting():
                        put(event)
                    if self._worker.stopped.is_set():
                        break
            except (RuntimeError, MemoryError) as error:
                engine.prefixes.clear()
                raise told(error) from error
            engine.prefixes.give(ids, cache, alpha)


def _split(text: str, splitter: ReasoningSplitter | None) -> Iterator[Delta]:
    if text:
        for piece, reasoning in splitter.feed(text) if splitter else [(text, "")]:
            yield Delta(piece, reasoning)


def _rest(splitter: ReasoningSplitter | None) -> Iterator[Delta]:
    for piece, reasoning in splitter.flush() if splitter else ():
        yield Delta(piece, reasoning)


def told(error: RuntimeError | MemoryError) -> ModelError:
    """Return what to tell of a fault of torch's, and what to try."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text:
        mend = "begin a new chat, or start with --kv-cache int8, --quantize torchao-int4 or --ctx-size 2048"
        return ModelError(f"out of memory in this answer: {mend}")
    return ModelError(f"the model failed: {text[:200]}")
