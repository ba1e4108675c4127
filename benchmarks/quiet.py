"""Waits until other programs leave the processor alone; Linux tells how busy it is."""

import os
import time
from pathlib import Path

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.5
_BUSY = 0.1
"""Cores in use by others that are borne."""


def settle() -> None:
    """Wait for a quiet moment, but not for ever."""
    end = time.monotonic() + PATIENCE_SECONDS
    while _busy_cores() > _BUSY and time.monotonic() < end:
        pass


def _busy_cores() -> float:
    before = _idle_seconds()
    time.sleep(_LOOK_SECONDS)
    return (os.cpu_count() or 1) - (_idle_seconds() - before) / _LOOK_SECONDS


def _idle_seconds() -> float:
    """Return the seconds that all cores together were idle, waiting for disks included."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
