"""How many threads should compute on this machine, and how they wait for each other.

Threads on the two halves of one physical core, or beyond the share that a container may use, only wait for
each other at every layer of a model.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_WAITING_VARIABLES = frozenset({"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"})
"""Variables of the environment by which a person chooses how threads wait."""

_SPIN_COUNT = "300"
"""How often a thread looks whether the others are ready before it sleeps; libgomp reads it when it is loaded.

By default threads look on while another has lost its core to another program: beside as many busy processes
as cores, that made decoding ten to thirty times slower. Without looking at all, it is a tenth slower when
nothing else runs.
"""

_ROOT = Path("/")


def usable_cores() -> int:
    """Return how many threads should compute: one for each physical core that this process may use.

    On processors with fast and slow cores only the fast ones count: all threads wait for the slowest.
    """
    if sys.platform == "darwin":
        return _macos_cores() or os.cpu_count() or 1
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return max(1, min(physical_cores(os.sched_getaffinity(0)), cgroup_cores() or sys.maxsize))


def waiting_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to add before libgomp is loaded, so that its threads soon sleep when they wait."""
    return {} if _WAITING_VARIABLES & environment.keys() else {"GOMP_SPINCOUNT": _SPIN_COUNT}


@contextmanager
def short_waits() -> Iterator[None]:
    """Let the threads of a libgomp that is loaded in the block soon sleep when they wait."""
    added = waiting_environment(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def physical_cores(allowed: set[int], root: Path = _ROOT) -> int:
    """Return how many fast physical cores the allowed logical CPUs of a Linux belong to."""
    fast = allowed & parse_cpu_list(_read(root / "sys/devices/cpu_core/cpus"))
    topology = root / "sys/devices/system/cpu"
    siblings = ((cpu, _read(topology / f"cpu{cpu}/topology/thread_siblings_list")) for cpu in fast or allowed)
    return len({text or str(cpu) for cpu, text in siblings})


def cgroup_cores(root: Path = _ROOT) -> int | None:
    """Return how many cores' time the control groups of this process may use, or None without a limit.

    A share of a core counts as one core, and others are rounded.
    """
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    return max(1, round(min(quotas))) if quotas else None


def parse_cpu_list(text: str) -> set[int]:
    """Return the CPUs of a list in the form of Linux, such as 0-3,8."""
    cpus: set[int] = set()
    with suppress(ValueError):
        for part in text.split(","):
            first, _, last = part.partition("-")
            cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def _quotas_v2(root: Path) -> Iterator[float]:
    for folder in _group_folders(root, "", root / "sys/fs/cgroup"):
        yield from _quota(_read(folder / "cpu.max").split())


def _quotas_v1(root: Path) -> Iterator[float]:
    for folder in _group_folders(root, "cpu", root / "sys/fs/cgroup/cpu"):
        yield from _quota([_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")])


def _quota(words: list[str]) -> Iterator[float]:
    """Yield the cores of a quota and its period in microseconds; none for "max", -1 or a missing file."""
    with suppress(ValueError, ZeroDivisionError):
        quota, period = map(int, words)
        if quota > 0:
            yield quota / period


def _group_folders(root: Path, controller: str, mount: Path) -> Iterator[Path]:
    """Yield the folders of the control group of this process, and of the groups that contain it.

    In a container only the mount itself may exist, and is then the container's own group.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controller in controllers.split(","):
            own = mount / path.strip("/")
            yield from (own, *own.parents[: len(own.relative_to(mount).parts)])


def _macos_cores() -> int | None:
    """Return the number of fast cores, or of all physical ones of a Mac that has one kind."""
    command = shutil.which("sysctl") or "/usr/sbin/sysctl"
    for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):
        with suppress(OSError, ValueError):
            done = subprocess.run([command, "-n", name], capture_output=True, text=True, check=False)
            return int(done.stdout)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
