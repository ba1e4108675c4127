"""How much memory there is, and how much of it the weights may take."""

import os
import re
from collections.abc import Sequence

from qwen_chat.errors import ModelLoadError

_UNITS = {"": 1, **{f"{prefix}B": 1000**n for n, prefix in enumerate("KMGT", 1)}}
_UNITS |= {f"{prefix}IB": 1024**n for n, prefix in enumerate("KMGT", 1)}
_ITEM = re.compile(r"(?P<device>\d+|cpu|disk|mps)=(?P<number>\d+(\.\d+)?) ?(?P<unit>[KMGT]?I?B?)", re.I)


def parse_max_memory(items: Sequence[str]) -> dict[int | str, int]:
    """Read items like 0=20GiB and cpu=64GiB into bytes by device.

    Raises: ModelLoadError.
    """
    limits: dict[int | str, int] = {}
    for item in items:
        match = _ITEM.fullmatch(item)
        unit = match["unit"].upper() if match else "?"
        if match is None or unit not in _UNITS:
            raise ModelLoadError(f"--max-memory {item}: write DEVICE=SIZE, for example 0=20GiB or cpu=64GiB")
        device = int(match["device"]) if match["device"].isdecimal() else match["device"].lower()
        limits[device] = int(float(match["number"]) * _UNITS[unit])
    return limits


def available_bytes() -> int:
    """Return the memory that programs can still take."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no file of a person's
            facts = dict(line.split(":", 1) for line in file)
        return int(facts["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_gpu_bytes() -> int:
    """Return the most memory that tensors had on all GPUs together; 0 where there are none."""
    import torch

    return sum(torch.cuda.max_memory_allocated(number) for number in range(torch.cuda.device_count()))
