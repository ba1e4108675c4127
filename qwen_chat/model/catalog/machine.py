"""Reads the memory of this machine, or the limit of its container."""

import os
from dataclasses import dataclass
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Memory in bytes: in total, and still available to programs."""

    total: int
    free: int


def read_machine_memory() -> MachineMemory:
    """Return the memory of this machine now, without that of GPUs."""
    total = min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *map(_read_limit, _LIMITS)])
    return MachineMemory(total, min(total, available_bytes()))


def available_bytes() -> int:
    """Return the memory that programs can still take."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no file of a person's
            facts = dict(line.split(":", 1) for line in file)
        return int(facts["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _read_limit(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or the word "max"
        return 1 << 62
