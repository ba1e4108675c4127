"""Measures speed and memory of a model, point by point; prints nothing.

Each point is measured in its own process: its memory is its own, and a point that needs too much memory ends
alone. The context is real text, and all answers continue after end tokens to the full length.
"""

import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from io import StringIO
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection

from qwen_chat.errors import ModelError, as_model_error
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
from qwen_chat.settings import SPECS, Settings

TEXT = (
    "The river rises in the hills to the north and winds through meadows and small towns before it reaches "
    "the sea. For centuries people have fished in it, milled their grain beside it, and told stories of the "
    "floods that came each spring. "
)
_ENDINGS = ("", ".", " a", "1")
"""Endings to try when no cut of the text has exactly the wanted number of tokens."""

_GREEDY = SamplingParams(temperature=0)
_EXIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """One combination to measure; None leaves a choice to the settings."""

    context: int
    batch: int = 1
    dtype: str | None = None
    quantize: str | None = None
    kv_cache: str | None = None

    @property
    def name(self) -> str:
        """A name that differs from those of other points with the same context and batch."""
        return " ".join(filter(None, (self.dtype, self.quantize, self.kv_cache))) or "as set"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speeds in tokens per second, of all answers together, and memory in GiB; or the error."""

    point: Point
    read_speed: float = 0.0
    write_speed: float = 0.0
    tokens: int = 0
    peak_gib: float = 0.0
    error: str = ""


def combine_points(
    contexts: Sequence[int],
    batches: Sequence[int],
    dtypes: Sequence[str | None] = (None,),
    quantizations: Sequence[str | None] = (None,),
    kv_caches: Sequence[str | None] = (None,),
) -> list[Point]:
    """Return every combination once; contexts vary fastest."""
    every = product(dtypes, quantizations, kv_caches, batches, contexts)
    points = (Point(context, batch, dtype, quantize, kv) for dtype, quantize, kv, batch, context in every)
    return list(dict.fromkeys(points))


def measure_points(settings: Settings, points: Sequence[Point], generate: int) -> Iterator[Measurement]:
    """Measure each point in a new process, and yield the measurements; an error takes the place of one.

    Each answer has `generate` tokens, at least 2: the first belongs to reading the prompt.
    """
    for point in points:
        yield _measure_in_subprocess(settings, point, generate)


def measure_in_process(settings: Settings, point: Point, generate: int) -> Measurement:
    """Measure a point in this process."""
    given = {name: value for name, value in asdict(point).items() if name in SPECS}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, raw=True, parallel=point.batch, **chosen)
    try:
        _, loading = open_model(settings, StringIO(), ignore_end=True)
        params = replace(settings.sampling.over(_GREEDY), max_new_tokens=generate)
        with closing(loading.loaded()) as model:
            measured = _measure_model(require_tokens(model), point, params)
        return replace(measured, peak_gib=_peak_bytes() / 2**30)
    except Exception as error:  # noqa: BLE001 - whatever fails is the error of its point
        return Measurement(point, error=str(as_model_error(error, out_of_memory="out of memory")))


def _measure_in_subprocess(settings: Settings, point: Point, generate: int) -> Measurement:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_measurement, args=(sender, settings, point, generate), daemon=True)
    with _ctrl_c_blocked():  # the new process inherits this: this process stops it
        process.start()
    try:
        sender.close()
        found: Measurement = receiver.recv()
        process.join(_EXIT_SECONDS)
    except EOFError:
        process.join()
        return Measurement(point, error=f"its process was ended ({process.exitcode}): too little memory?")
    finally:
        process.kill()
        process.join()
    return found


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send_measurement(sender: Connection, settings: Settings, point: Point, generate: int) -> None:
    sender.send(measure_in_process(settings, point, generate))


def _measure_model(model: TokenizingModel, point: Point, params: SamplingParams) -> Measurement:
    """Time reading, then writing: engines that answer one by one have cached all prompts by then."""
    _check_context(model, point, params.max_new_tokens or 0)
    prompts = [_make_prompt(model, point.context, number) for number in range(point.batch)]
    once = replace(params, max_new_tokens=1)
    _time_answers(model, ["Before"], once)  # work that is done only once is not measured
    read_seconds, prompt_usages = _time_answers(model, prompts, once)
    seconds, answer_usages = _time_answers(model, prompts, params)
    write_seconds = seconds - max(usage.prefill_seconds for usage in answer_usages)
    tokens = sum(usage.completion_tokens for usage in answer_usages)
    return Measurement(
        point,
        sum(usage.prompt_tokens - usage.cached_tokens for usage in prompt_usages) / read_seconds,
        (tokens - len(answer_usages)) / write_seconds,  # the first token of each answer belongs to reading
        tokens,
    )


def _check_context(model: ChatModel, point: Point, generate: int) -> None:
    """Raise ModelError for a point that cannot fit the context, which parallel answers share."""
    rows = 1 if supports_batching(model) else point.batch
    needed, available = rows * (point.context + generate), model.context_length
    if available is not None and needed > available:
        raise ModelError(
            f"it needs {needed:,} tokens of context, there are {available:,}: "
            "give a smaller --generate, or a larger --ctx-size"
        )


def _make_prompt(model: TokenizingModel, tokens: int, number: int) -> str:
    """Return text of a number of tokens, which begins differently for each answer."""
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
    cuts = (text[:cut] + tail for cut in (low, low - 1, low - 2) if cut > 0 for tail in _ENDINGS)
    return next((cut for cut in cuts if count(cut) == tokens), text[:low])


def _time_answers(
    model: ChatModel, prompts: Sequence[str], params: SamplingParams
) -> tuple[float, Sequence[Usage]]:
    """Answer all prompts together, and return the seconds until the last ended, and the usage of each.

    Raises: ModelError, when one of them fails.
    """
    requests = [BatchRequest([Message("user", prompt)], params) for prompt in prompts]
    started = time.monotonic()
    if len(requests) > 1 and supports_batching(model):
        usages = _answer_batch(model, requests)
    else:
        usages = _answer_in_threads(model, requests)
    return time.monotonic() - started, usages


def _answer_batch(model: BatchingModel, requests: Sequence[BatchRequest]) -> list[Usage]:
    usages = []
    for answer in model.answer(requests):
        if isinstance(answer, ModelError):
            raise answer
        usages.append(answer.usage)
    return usages


def _answer_in_threads(model: ChatModel, requests: Sequence[BatchRequest]) -> list[Usage]:
    def answer(request: BatchRequest) -> Usage:
        *_, last = model.stream(request.messages, request.params)
        return last.usage or Usage()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(answer, requests))


def _peak_bytes() -> int:
    """Return the peak memory in bytes: of the GPUs if they computed, else of this process and the engine's.

    The engine's process counts once it has ended.
    """
    if "torch" in sys.modules:
        from qwen_chat.model.hf.gpu_memory import peak_gpu_bytes

        if peak := peak_gpu_bytes():
            return peak
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(peaks) * (1 if sys.platform == "darwin" else 1024)
