"""Shows how a download goes on: a bar on a terminal, else a few lines."""

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol, TextIO

from qwen_chat.text import format_size

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_LONG_SECONDS = 120
_MEASURED_SECONDS = 8.0
_LINE_SECONDS = 30.0


class Progress(Protocol):
    """What follows a download; all calls come from one thread."""

    def say(self, line: str) -> None:
        """Tell what happens now."""

    def begin(self, total: int, arrived: int) -> None:
        """Begin to show the bytes, of which some may be there."""

    def update(self, arrived: int) -> None:
        """Show how many bytes have arrived."""

    def end(self) -> None:
        """Show no more bytes."""


def progress_on(stream: TextIO, meanwhile: str = "") -> Progress:
    """Return what shows a download on a stream; `meanwhile` is shown when it takes more than two minutes."""
    return ProgressBar(stream, meanwhile) if stream.isatty() else ProgressLines(stream, meanwhile)


class _Speed:
    """Measures the bytes per second of the last seconds, from when the first bytes came."""

    def __init__(self, total: int, arrived: int) -> None:
        self._total = total
        self._began = time.monotonic()
        self._samples = deque([(self._began, arrived)])

    def seconds_left(self, arrived: int) -> float | None:
        """Return the time that is left, or None while the speed is not known."""
        now = time.monotonic()
        if len(self._samples) == 1:
            self._began = now
            if arrived == self._samples[0][1]:
                return None
        self._samples.append((now, arrived))
        while now - self._samples[0][0] > 2 * _MEASURED_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        if now - self._began < _MEASURED_SECONDS or arrived == before:
            return None
        return (self._total - arrived) * (now - since) / (arrived - before)


class ProgressLines:
    """Writes a line at the start, and one every half minute."""

    def __init__(self, stream: TextIO, meanwhile: str) -> None:
        self._stream = stream
        self._meanwhile = meanwhile
        self._total, self._speed, self._shown = 0, _Speed(0, 0), 0.0

    def say(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def begin(self, total: int, arrived: int) -> None:
        """Begin to measure."""
        self._total, self._speed, self._shown = total, _Speed(total, arrived), time.monotonic()

    def update(self, arrived: int) -> None:
        """Write a line when the last one is old."""
        left = self._speed.seconds_left(arrived)
        if time.monotonic() - self._shown > _LINE_SECONDS and left is not None:
            self._shown = time.monotonic()
            self.say(f"{format_size(arrived)} of {format_size(self._total)}, {_format_time(left)} left")
        if self._meanwhile and left is not None and left > _LONG_SECONDS:
            self.say(self._meanwhile)
            self._meanwhile = ""

    def end(self) -> None:
        """Write nothing: the next line tells."""


class ProgressBar:
    """Draws one line with a bar, the size, the speed and the time left."""

    def __init__(self, stream: TextIO, meanwhile: str) -> None:
        self._stream = stream
        self._meanwhile = meanwhile
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._speed = _Speed(0, 0)

    def say(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def begin(self, total: int, arrived: int) -> None:
        """Draw the bar."""
        self._bar, self._speed = _make_bar(self._stream), _Speed(total, arrived)
        self._task = self._bar.add_task("", total=total, completed=arrived)
        self._bar.start()

    def update(self, arrived: int) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        self._bar.update(self._task, completed=arrived)
        left = self._speed.seconds_left(arrived)
        if self._meanwhile and left is not None and left > _LONG_SECONDS:
            self._bar.console.print(self._meanwhile, highlight=False, markup=False)
            self._meanwhile = ""

    def end(self) -> None:
        """Leave a full bar where it is; erase another one, for the next line tells why it ended."""
        if self._bar is not None:
            self._bar.live.transient = not self._bar.finished
            self._bar.stop()
            self._bar = None


def _make_bar(stream: TextIO) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Bar(*columns, console=Console(file=stream), redirect_stdout=False, redirect_stderr=False)


def _format_time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
