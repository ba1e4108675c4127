"""Two threads share the CPUs with other programs: the decision, and the affinity of a real process."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from places import ROOT
from psutil import Process

from qwen_chat.message import Message
from qwen_chat.model.core_share import CoreShare, CpuUse, read_busy_seconds
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

SAMPLE = 0.25
TWO_CPUS = sorted(os.sched_getaffinity(0))[:2] if sys.platform == "linux" else []
needs_two_cpus = pytest.mark.skipif(len(TWO_CPUS) < 2, reason="needs Linux and two CPUs")


class Share(CoreShare):
    """A decision that gets the same sample for a while, and records the time of each change."""

    def __init__(self) -> None:
        super().__init__(random.Random(1))
        self.now = 0.0
        self.changes: list[float] = []

    def feed(self, seconds: float, own: float, here: float, there: float = 0.0) -> int | None:
        """Take samples in which others use so many cores of the chosen CPU, and of the other one.

        Return the CPU that is chosen then.
        """
        for _ in range(round(seconds / SAMPLE)):
            self.now += SAMPLE
            chosen = self.chosen or 0
            if self.update(CpuUse(SAMPLE, own, {chosen: own + here, 1 - chosen: there})):
                self.changes.append(self.now)
        return self.chosen


def confined() -> Share:
    share = Share()
    assert share.feed(1, own=1.0, here=1.0) is not None
    return share


def test_others_that_stay_confine_the_threads_and_release_them_when_they_end() -> None:
    share = Share()
    assert share.feed(5, own=2.0, here=0.0) is None
    assert share.feed(1, own=1.3, here=0.7) is not None
    assert share.feed(4, own=1.0, here=0.0, there=1.0) is not None
    assert share.feed(5, own=1.0, here=0.0, there=0.1) is None
    assert share.changes == [5.5, 11.0]


def test_bursts_change_nothing() -> None:
    share = Share()
    for _ in range(10):
        share.feed(0.25, own=1.2, here=0.8)
        assert share.feed(0.25, own=1.7, here=0.3) is None


def test_pauses_of_the_others_release_nothing() -> None:
    share = confined()
    for _ in range(10):
        share.feed(0.75, own=1.0, here=0.0)
        assert share.feed(0.25, own=1.0, here=0.0, there=1.0) is not None
    assert len(share.changes) == 1


def test_use_between_the_two_limits_keeps_what_is() -> None:
    assert Share().feed(10, own=1.0, here=0.0, there=0.4) is None
    assert confined().feed(10, own=1.0, here=0.0, there=0.4) is not None


def test_a_process_that_computes_nothing_is_left_alone() -> None:
    assert Share().feed(10, own=0.01, here=1.0, there=1.0) is None


def test_others_bound_to_the_chosen_cpu_are_left_to_it() -> None:
    share = confined()
    first = share.feed(0.5, own=0.5, here=0.5)
    assert share.changes == [1.0]
    assert first is not None
    assert share.feed(3, own=0.5, here=0.5) == 1 - first


def test_a_program_seen_on_the_chosen_cpu_while_nothing_is_computed_moves_nothing() -> None:
    share = confined()
    share.feed(10, own=0.0, here=1.0)
    assert len(share.changes) == 1


def test_two_engines_on_one_cpu_part() -> None:
    # With this seed both choose the same CPU at first. They see the same, the second always a little later.
    one, other = CoreShare(random.Random(1)), CoreShare(random.Random(2))
    for engine in (one, other):
        engine.update(CpuUse(1.0, 1.0, {0: 1.0, 1: 1.0}))
    assert one.chosen == other.chosen
    for _ in range(100):
        for engine in (one, other):
            cpu, together = engine.chosen or 0, one.chosen == other.chosen
            busy = {cpu: 1.0, 1 - cpu: 0.0 if together else 1.0}
            engine.update(CpuUse(SAMPLE, 0.5 if together else 1.0, busy))
    assert one.chosen != other.chosen


def test_changes_are_at_least_a_second_apart() -> None:
    share, draw = Share(), random.Random(3)
    for _ in range(2000):
        share.feed(draw.choice([0.25, 1.0]), draw.uniform(0, 2), draw.uniform(0, 1), draw.uniform(0, 0.5))
    assert len(share.changes) > 20
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(share.changes))


STAT = "cpu  9 9 9 9\ncpu0 100 50 25 999 7 1 2 3 0 0\ncpu1 200 0 50 999 7 1 2 3 0 0\nintr 5 0\nctxt 5\n"


def test_the_time_of_each_cpu_is_read_without_that_of_polite_programs(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT)
    tick = os.sysconf("SC_CLK_TCK")
    assert read_busy_seconds({0, 1}, stat, count_polite=False) == {0: 125 / tick, 1: 250 / tick}
    assert read_busy_seconds({0}, stat, count_polite=True) == {0: 175 / tick}
    with pytest.raises(KeyError):  # a container may show other CPUs than those it allows
        read_busy_seconds({0, 2}, stat, count_polite=False)


COMPUTES = """
import os, sys, threading, time
from pathlib import Path
from qwen_chat.model import core_share

cpus = set(map(int, sys.argv[1].split(",")))
os.sched_setaffinity(0, cpus)
if len(sys.argv) > 2:
    threading.Thread(target=core_share.share_cpus, args=(cpus, Path(sys.argv[2])), daemon=True).start()
else:
    core_share.start(2)
late = threading.Timer(0.2, time.sleep, [1000])
late.daemon = True
late.start()
seen = None
while True:
    tasks = os.listdir("/proc/self/task")
    now = {len(os.sched_getaffinity(int(task))) for task in tasks}
    if now != seen and len(now) == 1 and len(tasks) > 2:
        print(*now, flush=True)
        seen = now
"""
"""Computes in one thread, has two others, and prints on how many CPUs all may run, whenever that changes."""


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    arguments, env = [sys.executable, "-c", *command], {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@needs_two_cpus
def test_all_threads_are_confined_and_released(tmp_path: Path) -> None:
    # What others use is written here, so that the machine may be busy or not.
    stat, others, ended = tmp_path / "stat", [0.0], threading.Event()

    def write() -> None:
        used, last = 0.0, time.monotonic()
        while not ended.wait(0.02):
            now = time.monotonic()
            used, last = used + others[0] * (now - last), now
            ticks = round(used * os.sysconf("SC_CLK_TCK"))
            new = tmp_path / "new"
            new.write_text("".join(f"cpu{cpu} {ticks} 0 0\n" for cpu in TWO_CPUS))
            new.replace(stat)

    stat.write_text("".join(f"cpu{cpu} 0 0 0\n" for cpu in TWO_CPUS))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with running(COMPUTES, ",".join(map(str, TWO_CPUS)), str(stat)) as process:
            assert printed(process) == "2"
            others[0] = 1.5
            assert printed(process) == "1"
            others[0] = 0.0
            assert printed(process) == "2"
    finally:
        ended.set()
        writer.join()


@needs_two_cpus
def test_busy_processes_confine_the_threads() -> None:
    # That they are released needs a machine without other programs.
    with (
        running(COMPUTES, ",".join(map(str, TWO_CPUS))) as process,
        running("while True: pass"),
        running("while True: pass"),
        running("while True: pass"),
    ):
        assert "1" in iter(lambda: printed(process), "")


@needs_two_cpus
def test_the_engine_shares_two_cpus_and_its_threads_soon_sleep(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    before, cpus = set(Process().children()), os.sched_getaffinity(0)
    os.sched_setaffinity(0, TWO_CPUS)  # the engine's process inherits it
    try:
        model = LlamaCppModel(model_path, "shares", LlamaCppOptions(ignore_end=True))
    finally:
        os.sched_setaffinity(0, cpus)
    (engine,) = set(Process().children()) - before
    assert engine.environ()["GOMP_SPINCOUNT"] == "300"
    deltas = model.stream([Message("user", "Tell me a story.")], SamplingParams(max_new_tokens=8000))
    with running("while True: pass"), running("while True: pass"), running("while True: pass"):
        assert any(len(_affinities(engine)) == 1 for delta in deltas if delta.text)
    deltas.close()
    model.close()


def _affinities(process: Process) -> set[int]:
    return {cpu for thread in process.threads() for cpu in os.sched_getaffinity(thread.id)}
