"""The memory of this machine, or of the container that is all it may use."""

import os
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.model.hf.memory import available_bytes

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class Machine:
    """Its memory in bytes: all there is, and what programs can still take."""

    total: int
    free: int


def this_machine() -> Machine:
    """Return the memory here and now; that of GPUs is not counted."""
    total = min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *map(_limit, _LIMITS)])
    return Machine(total, min(total, available_bytes()))


def _limit(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or the word "max"
        return 1 << 62
