"""Runs measurements while the machine is quiet, so that other programs do not disturb them; needs Linux."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from psutil import NoSuchProcess, Process

PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_BUSY = 0.1
"""The tolerated use of cores by other programs."""

_TRIES = 5
_TICKS = 3
"""Ticks of the kernel's clock that cannot be attributed to a program."""

T = TypeVar("T")


def quietly(work: Callable[[], T]) -> T:
    """Run `work` in a quiet moment; repeat it, a few times at most, if other programs disturbed it."""
    for _ in range(_TRIES):
        _settle()
        others, started = _others_seconds(), time.monotonic()
        result = work()
        borne = (time.monotonic() - started) * _BUSY + _TICKS / os.sysconf("SC_CLK_TCK")
        if _others_seconds() - others < borne:
            break
    return result


def _settle() -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    busy = True
    while busy and time.monotonic() < end:
        before = _others_seconds()
        time.sleep(_LOOK_SECONDS)
        busy = _others_seconds() - before > _BUSY * _LOOK_SECONDS


def _others_seconds() -> float:
    """Return the processor time in seconds of all other programs than this process and its descendants."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        spent = [int(field) for field in file.readline().split()[1:9]]
    # user nice system idle iowait irq softirq steal
    busy = (sum(spent) - spent[3] - spent[4]) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4]) - sum(map(_used_seconds, Process().children(recursive=True)))


def _used_seconds(process: Process) -> float:
    """Return the processor time of a process and of those that it has seen end."""
    try:
        return sum(process.cpu_times()[:4])
    except NoSuchProcess:
        return 0.0
