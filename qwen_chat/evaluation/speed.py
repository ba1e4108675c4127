"""Speed and memory of a model, point by point; prints nothing.

Each point is measured in a process of its own, so that memory is its own, and one that is too much for the
machine ends alone. The context is real text, and all rows write on past end tokens, to the full length.
"""

import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from io import StringIO
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection

from qwen_chat.errors import ModelError, QwenChatError
from qwen_chat.message import Message, Usage
from qwen_chat.model.base import (
    BatchingModel,
    BatchRequest,
    ChatModel,
    TokenizingModel,
    require_tokens,
    supports_batching,
)
from qwen_chat.model.factory import open_model
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings

TEXT = (
    "The river rises in the hills to the north and winds through meadows and small towns before it reaches "
    "the sea. For centuries people have fished in it, milled their grain beside it, and told stories of the "
    "floods that came each spring. "
)
_TAILS = ("", ".", " a", "1")
"""What fills the last token up where no cut of the text has the number exactly."""

_GREEDY = SamplingParams(temperature=0)
_LEAVE_SECONDS = 10.0


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
    """Return every combination once, the contexts innermost."""
    every = product(dtypes, quantizations, kv_caches, batches, contexts)
    points = (Point(context, batch, dtype, quantize, kv) for dtype, quantize, kv, batch, context in every)
    return list(dict.fromkeys(points))


def measure(settings: Settings, points: Sequence[Point], generate: int) -> Iterator[Measured]:
    """Yield each point as it is measured, each in a new process; a fault is told in its place.

    `generate` tokens are written, 2 or more: the first belongs to reading.
    """
    for point in points:
        yield _apart(settings, point, generate)


def measure_here(settings: Settings, point: Point, generate: int) -> Measured:
    """Measure a point in this process."""
    names = ("dtype", "quantize", "kv_cache")
    chosen = {name: value for name in names if (value := getattr(point, name)) is not None}
    settings = replace(settings, raw=True, parallel=point.batch, **chosen)
    try:
        _, loading = open_model(settings, StringIO(), ignore_end=True)
        with closing(loading.loaded()) as model:
            return _measured(
                require_tokens(model),
                point,
                replace(settings.sampling.over(_GREEDY), max_new_tokens=generate),
            )
    except (QwenChatError, RuntimeError, OSError) as error:
        return Measured(point, error=" ".join(str(error).split()))
    except MemoryError:
        return Measured(point, error="out of memory")


def _apart(settings: Settings, point: Point, generate: int) -> Measured:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, settings, point, generate), daemon=True)
    # The new process starts with Ctrl-C blocked, and leaves it to this one to be stopped.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        sender.close()
        found: Measured = receiver.recv()
        process.join(_LEAVE_SECONDS)
    except EOFError:
        process.join()
        return Measured(point, error=f"its process was ended ({process.exitcode}): too little memory?")
    finally:
        process.kill()
        process.join()
    return found


def _send(sender: Connection, settings: Settings, point: Point, generate: int) -> None:
    sender.send(measure_here(settings, point, generate))


def _measured(model: TokenizingModel, point: Point, params: SamplingParams) -> Measured:
    """Read, then write: an engine that serves rows one by one has read them all before they are timed."""
    _check_room(model, point, params.max_new_tokens or 0)
    prompts = [_prompt(model, point.context, number) for number in range(point.batch)]
    once = replace(params, max_new_tokens=1)
    _timed(model, ["Before"], once)  # what is only done the first time is no part of the figures
    reading, read = _timed(model, prompts, once)
    whole, written = _timed(model, prompts, params)
    writing = whole - max(usage.prefill_seconds for usage in written)
    tokens = sum(usage.completion_tokens for usage in written)
    return Measured(
        point,
        sum(usage.prompt_tokens - usage.cached_tokens for usage in read) / reading,
        (tokens - len(written)) / writing,  # the first of each row comes of reading
        tokens,
        _peak_bytes() / 2**30,
    )


def _check_room(model: ChatModel, point: Point, generate: int) -> None:
    """Refuse at once what would end for want of room; rows served one by one share the context."""
    rows = 1 if supports_batching(model) else point.batch
    needed, available = rows * (point.context + generate), model.context_length
    if available is not None and needed > available:
        raise ModelError(
            f"it needs {needed:,} tokens of context, there are {available:,}: "
            "give a smaller --generate, or a larger --ctx-size"
        )


def _prompt(model: TokenizingModel, tokens: int, number: int) -> str:
    """Return text of so many tokens, which begins differently for each row."""
    text = f"{number} " * (tokens > 1) + TEXT * (tokens // 16 + 1)

    def count(text: str) -> int:
        return model.count([Message("user", text)])

    low, high = 1, len(text)
    while low < high:
        middle = (low + high) // 2
        if count(text[:middle]) < tokens:
            low = middle + 1
        else:
            high = middle
    cuts = (text[:cut] + tail for cut in (low, low - 1, low - 2) if cut > 0 for tail in _TAILS)
    return next((cut for cut in cuts if count(cut) == tokens), text[:low])


def _timed(model: ChatModel, prompts: Sequence[str], params: SamplingParams) -> tuple[float, Sequence[Usage]]:
    """Answer all prompts together, and return the seconds until the last ended, and what each cost.

    Raises: ModelError, when one of them fails.
    """
    requests = [BatchRequest([Message("user", prompt)], params) for prompt in prompts]
    started = time.monotonic()
    if len(requests) > 1 and supports_batching(model):
        usages = _batched(model, requests)
    else:
        usages = _side_by_side(model, requests)
    return time.monotonic() - started, usages


def _batched(model: BatchingModel, requests: Sequence[BatchRequest]) -> list[Usage]:
    usages = []
    for answer in model.answer(requests):
        if isinstance(answer, ModelError):
            raise answer
        usages.append(answer.usage)
    return usages


def _side_by_side(model: ChatModel, requests: Sequence[BatchRequest]) -> list[Usage]:
    def written(request: BatchRequest) -> Usage:
        *_, last = model.stream(request.messages, request.params)
        return last.usage or Usage()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(written, requests))


def _peak_bytes() -> int:
    """Return the most memory this process had: of the GPUs where they computed, else of the machine."""
    if "torch" in sys.modules:
        from qwen_chat.model.hf.gpu_memory import peak_gpu_bytes

        if peak := peak_gpu_bytes():
            return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
