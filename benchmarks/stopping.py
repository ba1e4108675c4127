"""Stops the embedded Qwen while it reads 4,000 tokens: how soon the person is free and the engine idle.

Reading is compared with xllamacpp's defaults, whose batches cannot be stopped for seconds.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from threading import Event, Thread

from psutil import Process

from benchmarks import bare
from benchmarks.measure import Result, apart, compared, in_turn
from benchmarks.quiet import quietly
from qwen_chat.message import Message
from qwen_chat.model.catalog import embedded
from qwen_chat.model.factory import open_model
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings

STOPS = 12
FREE_LIMIT_MS = 100
IDLE_LIMIT_MS = 700
READING_LIMIT = 0.95
PAIRS = 3

_TOKENS_TO_STOP, _TOKENS_TO_READ = 4000, 1500
_LOOK_SECONDS = 0.02
_IDLE_SECONDS = 0.2
"""An engine that used no processor for so long is idle."""


def measure() -> list[Result]:
    embedded.fetch(embedded.QWEN, sys.stderr)
    free, idle = zip(*quietly(partial(apart, _stops)), strict=True)
    pairs = in_turn(partial(apart, _read_ours), partial(apart, _read_bare), PAIRS)
    return [
        Result("free after Stop, in ms", list(free), FREE_LIMIT_MS, f"at most {max(free):.0f}"),
        Result("engine idle after Stop, in ms", list(idle), IDLE_LIMIT_MS, f"at most {max(idle):.0f}"),
        compared("reading, tokens/s", pairs, READING_LIMIT, "tokens/s", at_least=True),
    ]


def _stops() -> list[tuple[float, float]]:
    """Return the milliseconds until the person was free and the engine idle, for each Stop."""
    moments = random.Random(0)
    with _opened() as model:
        return [_stop(model, number, moments.uniform(1.5, 4.0)) for number in range(STOPS)]


class _Stop(Thread):
    """Sets an event after so many seconds, and remembers when."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.event = Event()
        self.pressed = 0.0
        self._seconds = seconds

    def run(self) -> None:
        time.sleep(self._seconds)
        self.pressed = time.perf_counter()
        self.event.set()


def _stop(model: LlamaCppModel, number: int, after: float) -> tuple[float, float]:
    stop = _Stop(after)
    stream = model.stream([_question(number, _TOKENS_TO_STOP)], SamplingParams(), cancel=stop.event)
    stop.start()
    assert not any(delta.text for delta in stream), "the prompt was read before the stop"
    free, idle = time.perf_counter(), _idle_since(Process(model._server.pid))
    return (free - stop.pressed) * 1000, (idle - stop.pressed) * 1000


def _idle_since(process: Process) -> float:
    """Wait until a process computes nothing, and return since when."""
    since, used = time.perf_counter(), sum(process.cpu_times()[:2])
    while time.perf_counter() - since < _IDLE_SECONDS:
        time.sleep(_LOOK_SECONDS)
        if (now := sum(process.cpu_times()[:2])) > used:
            since, used = time.perf_counter(), now
    return since


def _read_ours() -> float:
    with _opened() as model:
        *_, last = model.stream([_question(0, _TOKENS_TO_READ)], SamplingParams(max_new_tokens=1))
    assert last.usage is not None
    return last.usage.prompt_tokens / last.usage.prefill_seconds


def _read_bare() -> float:
    server = bare.open_server(str(embedded.fetch(embedded.QWEN, sys.stderr)))
    question = {"role": "user", "content": _question(0, _TOKENS_TO_READ).content}
    timings = bare.ask(server, [question], 1, lambda _: None)
    return float(timings["prompt_per_second"])


@contextmanager
def _opened() -> Iterator[LlamaCppModel]:
    """Open the embedded Qwen as the chat does."""
    _, loading = open_model(Settings(), StringIO())
    model = loading.loaded()
    assert isinstance(model, LlamaCppModel)
    try:
        yield model
    finally:
        model.close()


def _question(number: int, tokens: int) -> Message:
    """Return a question of about so many tokens; each number makes another one from the beginning."""
    return Message("user", f"{number}: " + "yes " * tokens)
