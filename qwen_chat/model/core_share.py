"""Confines two threads that compute to one CPU while other programs compete with them for both; needs Linux.

The threads wait for each other at every layer. Beside other programs, each waits until the other has got its
CPU back, and both together do less than one CPU could. On one CPU they take turns at once, and the system
moves the other programs to the other CPU.

Measured with two threads on two CPUs and a model of 0.5B, in shares of the speed on the quiet machine: beside
one busy process 0.49 free and 0.55 confined, beside two 0.41 and 0.51. More threads were not measured and are
left alone: threads that share CPUs two by two have half the speed also beside a single busy process.
"""

import os
import random
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Literal

_THREADS = 2
"""What was measured: so many threads on so many CPUs."""

_SAMPLE_SECONDS, _IDLE_SECONDS = 0.25, 1.0
"""Time between samples while this process computes, and while it does not."""

_OWN_CORES = 0.05
"""With less, the process computes nothing that others could slow down; many others leave it little, too."""

_MANY_CORES, _CONFINE_SECONDS = 0.5, 0.5
_FEW_CORES, _RELEASE_SECONDS = 0.25, 1.0
"""Cores that others use, and for how long: bursts, as of a page that draws an answer, change nothing."""

_UNEVEN_CORES, _MOVE_SECONDS = 0.3, (1.0, 3.0)
"""Programs bound to the chosen CPU leave the other one to this process; two engines that chose the same CPU
must not leave it at the same moment, so each waits for a random time."""

_MIN_CHANGE_SECONDS = 1.0

_STAT = Path("/proc/stat")

_Change = Literal["confine", "release", "move"]


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Cores used on average in the last `seconds`: by this process, and by all programs on each CPU."""

    seconds: float
    own: float
    busy: Mapping[int, float]


class CoreShare:
    """Decides from samples which CPU the process should be confined to, if to any."""

    def __init__(self, draw: random.Random | None = None) -> None:
        self.chosen: int | None = None
        """The CPU that the process is confined to, or None while it may use all."""
        self._draw = draw or random.Random()
        self._patience: dict[_Change, float] = {"confine": _CONFINE_SECONDS, "release": _RELEASE_SECONDS}
        self._pending: _Change | None = None
        self._pending_seconds = self._unchanged_seconds = 0.0

    def update(self, use: CpuUse) -> bool:
        """Take a sample, and return whether the choice changed."""
        change = self._due_change(use)
        self._unchanged_seconds += use.seconds
        self._pending_seconds = use.seconds + (self._pending_seconds if change == self._pending else 0.0)
        self._pending = change
        if change is None or self._unchanged_seconds < _MIN_CHANGE_SECONDS:
            return False
        if self._pending_seconds < self._patience[change]:
            return False
        self.chosen = self._choose_cpu(change, use)
        self._patience["move"] = self._draw.uniform(*_MOVE_SECONDS)
        self._pending, self._unchanged_seconds = None, 0.0
        return True

    def _due_change(self, use: CpuUse) -> _Change | None:
        """Return the change that a sample speaks for."""
        others, computes = sum(use.busy.values()) - use.own, use.own >= _OWN_CORES
        if self.chosen is None:
            return "confine" if others >= _MANY_CORES and computes else None
        if others < _FEW_CORES:
            return "release"
        here = use.busy[self.chosen] - use.own
        return "move" if here - (others - here) >= _UNEVEN_CORES and computes else None

    def _choose_cpu(self, change: _Change, use: CpuUse) -> int | None:
        if change == "release":
            return None
        # While the process is free, no one knows which share of a CPU's use is its own.
        return self._draw.choice([cpu for cpu in use.busy if cpu != self.chosen])


def start(threads: int) -> None:
    """Share the CPUs with other programs from now on, in a daemon thread, where that is known to gain."""
    if sys.platform != "linux" or threads != _THREADS:
        return
    cpus = os.sched_getaffinity(0)
    if len(cpus) == _THREADS:
        Thread(target=share_cpus, args=(cpus,), name="core share", daemon=True).start()


def share_cpus(cpus: set[int], stat: Path = _STAT) -> None:
    """Confine this process to one of the CPUs and release it, as others need; return if that cannot be."""
    share = CoreShare()
    with suppress(OSError, ValueError, KeyError):
        try:
            for use in _watch_use(cpus, stat):
                if share.update(use):
                    bind_threads(cpus if share.chosen is None else {share.chosen})
        finally:
            bind_threads(cpus)


def _watch_use(cpus: set[int], stat: Path) -> Iterator[CpuUse]:
    """Yield how the CPUs are used, again and again."""
    now, own, busy = _read_clocks(cpus, stat)
    cores = 0.0
    while True:
        time.sleep(_SAMPLE_SECONDS if cores >= _OWN_CORES else _IDLE_SECONDS)
        before_now, before_own, before_busy = now, own, busy
        now, own, busy = _read_clocks(cpus, stat)
        seconds = now - before_now
        cores = (own - before_own) / seconds
        yield CpuUse(seconds, cores, {cpu: (busy[cpu] - before_busy[cpu]) / seconds for cpu in cpus})


def _read_clocks(cpus: set[int], stat: Path) -> tuple[float, float, dict[int, float]]:
    """Return seconds: of the clock, of this process on any CPU, and of all programs on each CPU."""
    polite = os.getpriority(os.PRIO_PROCESS, 0) > 0
    return time.monotonic(), time.process_time(), read_busy_seconds(cpus, stat, count_polite=polite)


def read_busy_seconds(cpus: set[int], stat: Path, *, count_polite: bool) -> dict[int, float]:
    """Return how long each CPU has computed for programs.

    Programs with a lower priority than normal leave the CPU to others, and count only among their like.

    Raises: OSError, ValueError, KeyError for a system that does not tell.
    """
    lines = (line.split() for line in stat.read_text(encoding="ascii").splitlines())
    ticks = {words[0]: [int(word) for word in words[1:4]] for words in lines if words[0].startswith("cpu")}
    counted = {cpu: ticks[f"cpu{cpu}"] for cpu in cpus}
    return {
        cpu: (user + system + (nice if count_polite else 0)) / os.sysconf("SC_CLK_TCK")
        for cpu, (user, nice, system) in counted.items()
    }


def bind_threads(cpus: set[int]) -> None:
    """Let all threads of this process run on these CPUs only; new threads inherit that."""
    for _ in range(2):  # a thread may begin another one just before it is bound itself
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # the thread has ended
                os.sched_setaffinity(int(task.name), cpus)
