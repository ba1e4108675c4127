"""Speed and memory of a model, point by point; prints nothing.

Each point is measured in a process of its own, so that memory is its own, and one that is too much for the
machine ends alone. The context is real text; an answer that ends by itself is gone on with until all tokens
are written.
"""

import resource
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from io import StringIO
from itertools import product
from multiprocessing import get_context
from threading import Thread

from qwen_chat.errors import ModelError, QwenChatError
from qwen_chat.message import Message, Usage
from qwen_chat.model.base import BatchingModel, ChatModel, Request, TokenizingModel
from qwen_chat.model.opening import open_model
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings

TEXT = (
    "The river rises in the hills to the north and winds through meadows and small towns before it reaches "
    "the sea. For centuries people have fished in it, milled their grain beside it, and told stories of the "
    "floods that came each spring. "
)
_MORE = " And then"
_GREEDY = SamplingParams(temperature=0)


@dataclass(frozen=True, slots=True)
class Point:
    """What is measured; None leaves a choice to the settings."""

    context: int
    batch: int = 1
    dtype: str | None = None
    quantize: str | None = None
    kv_cache: str | None = None

    @property
    def name(self) -> str:
        """What sets it apart from others of the same context and batch."""
        return " ".join(filter(None, (self.dtype, self.quantize, self.kv_cache))) or "as set"


@dataclass(frozen=True, slots=True)
class Measured:
    """Speeds in tokens per second, of all rows together; memory in GiB; or why there is none of this."""

    point: Point
    read_speed: float = 0.0
    write_speed: float = 0.0
    tokens: int = 0
    peak_gib: float = 0.0
    error: str = ""


def plan(
    contexts: Sequence[int],
    batches: Sequence[int],
    dtypes: Sequence[str | None] = (None,),
    quantizations: Sequence[str | None] = (None,),
    kv_caches: Sequence[str | None] = (None,),
) -> list[Point]:
    """Return every combination, the contexts innermost."""
    every = product(dtypes, quantizations, kv_caches, batches, contexts)
    return [Point(context, batch, dtype, quantize, kv) for dtype, quantize, kv, batch, context in every]


def measure(settings: Settings, points: Sequence[Point], generate: int) -> Iterator[Measured]:
    """Yield each point as it is measured, each in a new process; a fault is told in its place."""
    for point in points:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            try:
                yield pool.submit(measure_here, settings, point, generate).result()
            except BrokenProcessPool:
                yield Measured(point, error="the process was ended: too little memory?")


def measure_here(settings: Settings, point: Point, generate: int) -> Measured:
    """Measure a point in this process."""
    names = ("dtype", "quantize", "kv_cache")
    chosen = {name: value for name in names if (value := getattr(point, name)) is not None}
    try:
        _, loading = open_model(replace(settings, raw=True, **chosen), StringIO())
        return _measured(loading.loaded(), point, generate)
    except QwenChatError as error:
        return Measured(point, error=" ".join(str(error).split()))


def _measured(model: TokenizingModel, point: Point, generate: int) -> Measured:
    prompts = [_prompt(model, point.context, number) for number in range(point.batch)]
    if point.batch > 1 and isinstance(model, BatchingModel):
        usages = _batched(model, prompts, generate)
        seconds = max(usage.decode_seconds for usage in usages)
    else:
        usages = _at_once(model, prompts, generate)
        seconds = max(usage.decode_seconds for usage in usages)
    tokens = sum(usage.completion_tokens for usage in usages)
    read = sum(usage.prompt_tokens - usage.cached_tokens for usage in usages)
    reading = max(usage.prefill_seconds for usage in usages)
    return Measured(point, read / reading, tokens / seconds, tokens, _peak_bytes() / 2**30)


def _prompt(model: TokenizingModel, tokens: int, number: int) -> str:
    """Return text of so many tokens, which begins differently for each row."""
    text = f"{number} " * (tokens > 1) + TEXT * (tokens // 16 + 1)
    low, high = 1, len(text)
    while low < high:
        middle = (low + high) // 2
        if model.count([Message("user", text[:middle])]) < tokens:
            low = middle + 1
        else:
            high = middle
    return text[:low]


def _batched(model: BatchingModel, prompts: Sequence[str], generate: int) -> list[Usage]:
    params = replace(_GREEDY, max_new_tokens=generate)
    answers = model.answer([Request([Message("user", prompt)], params) for prompt in prompts])
    for answer in answers:
        if isinstance(answer, ModelError):
            raise answer
    return [answer.usage for answer in answers if not isinstance(answer, ModelError)]


def _at_once(model: ChatModel, prompts: Sequence[str], generate: int) -> list[Usage]:
    usages: dict[int, Usage] = {}
    faults: list[ModelError] = []

    def work(number: int) -> None:
        try:
            usages[number] = _written(model, prompts[number], generate)
        except ModelError as error:
            faults.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return list(usages.values())


def _written(model: ChatModel, text: str, generate: int) -> Usage:
    """Write so many tokens, in several answers where one ends early, and return their costs together."""
    total: Usage | None = None
    left = generate
    while left > 0:
        deltas = list(model.stream([Message("user", text)], replace(_GREEDY, max_new_tokens=left)))
        usage = deltas[-1].usage
        if usage is None or not usage.completion_tokens:
            break
        total = usage if total is None else _together(total, usage)
        left -= usage.completion_tokens
        text += "".join(delta.text + delta.reasoning for delta in deltas) + _MORE
    if total is None:
        raise ModelError("the model wrote nothing")
    return total


def _together(first: Usage, more: Usage) -> Usage:
    return replace(
        first,
        completion_tokens=first.completion_tokens + more.completion_tokens,
        decode_seconds=first.decode_seconds + more.decode_seconds,
    )


def _peak_bytes() -> int:
    """Return the most memory this process had: of the GPUs where they computed, else of the machine."""
    if "torch" in sys.modules:
        from qwen_chat.model.hf.memory import peak_gpu_bytes

        if peak := peak_gpu_bytes():
            return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
