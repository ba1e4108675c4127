"""Runs our side and the bare peer alternately, many times; the median of the ratios is the result."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks.quiet import quietly

PAIRS = 7

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """The ratios of one measurement, ours / bare, and the limit of their median."""

    name: str
    ratios: list[float]
    limit: float
    note: str
    at_least: bool = False

    @property
    def median(self) -> float:
        """The median ratio."""
        return median(self.ratios)

    @property
    def holds(self) -> bool:
        """Whether the median is within the limit."""
        return self.median >= self.limit if self.at_least else self.median <= self.limit


def in_turn(ours: Callable[[], T], bare: Callable[[], T], pairs: int = PAIRS) -> list[tuple[T, T]]:
    """Run both alternately, each first in half of the pairs, and return their results as (ours, bare)."""
    return [quietly(partial(one_pair, ours, bare, bare_first=number % 2 == 1)) for number in range(pairs)]


def one_pair(ours: Callable[[], T], bare: Callable[[], T], *, bare_first: bool) -> tuple[T, T]:
    """Run both once, and return their results as (ours, bare)."""
    if bare_first:
        second = bare()
        return ours(), second
    return ours(), bare()


def compared(
    name: str,
    pairs: list[tuple[float, float]],
    limit: float,
    unit: str,
    *,
    at_least: bool = False,
    remark: str = "",
) -> Result:
    """Return the result of pairs (ours, bare), with the median of each side in its note."""
    ours, bare = (median(side) for side in zip(*pairs, strict=True))
    note = f"{ours:.4g} / {bare:.4g} {unit}{remark}"
    return Result(name, [a / b for a, b in pairs], limit, note, at_least)


def apart(function: Callable[[], T]) -> T:
    """Call a module's function in a process of its own, so that its memory and threads end with it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function).result()


@contextmanager
def empty_home() -> Iterator[None]:
    """Give this process and its children an empty home; the cache with the model stays."""
    before = dict(os.environ)
    cache = before.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    for name in [name for name in before if name.startswith("QWEN_CHAT_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="qwen-chat-bench-") as home:
        os.environ |= {"HOME": home, "XDG_CACHE_HOME": cache, "TERM": "xterm-256color"}
        for kind in ("CONFIG", "DATA", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(Path(home, kind.lower()))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
