"""Reads the memory of this machine, or the limit of its container."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Fits = Literal["yes", "tight", "no"]

_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """Memory in bytes: in total, and still available to programs."""

    total: int
    free: int

    def fits(self, least: int, most: int) -> Fits:
        """Return whether a model fits the free memory, or only with savings or the whole memory, or never."""
        return "yes" if most <= self.free else "tight" if least <= self.total else "no"


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


def may_have_gpu() -> bool:
    """Return whether a GPU with its own memory may be here; its size is not known without its libraries."""
    return any(device.exists() for device in _GPU_DEVICES)


def _read_limit(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or the word "max"
        return 1 << 62
