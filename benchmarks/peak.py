"""The peak of resident memory of a process and its children, as Linux keeps it."""

from pathlib import Path
from threading import Event, Thread

from psutil import NoSuchProcess, Process

_LOOK_SECONDS = 0.02


class PeakWatch:
    """Watches a process until it ends: each process counts with the peak that was seen last."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, float] = {}
        self._ended = Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> float:
        """Return the sum of the peaks, in MiB."""
        self._ended.set()
        self._thread.join()
        return sum(self._peaks.values())

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._peaks |= _peaks(self._pid)


def peak(pid: int) -> float:
    """Return the sum of the peaks of a running process and its children, in MiB."""
    return sum(_peaks(pid).values())


def _peaks(pid: int) -> dict[int, float]:
    try:
        children = Process(pid).children(recursive=True)
    except NoSuchProcess:
        return {}
    return {each: found for each in (pid, *(child.pid for child in children)) if (found := _read_peak(each))}


def _read_peak(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0
    )
