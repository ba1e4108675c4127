"""A progress bar for long work, with speed and remaining time."""

import sys
import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text


class ProgressBar:
    """A progress bar on stderr; it shows nothing where stderr is no terminal."""

    def __init__(self, total: int | None, done: int, *, enabled: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        self._progress = Progress(
            *columns,
            TextColumn("{task.fields[speed]}"),
            _TimeRemaining(),
            console=Console(stderr=True),
            disable=not (enabled and sys.stderr.isatty()),
        )
        self._remaining = None if total is None else total - done
        self._count = 0
        self._started = time.monotonic()
        self._task = self._progress.add_task("answering", total=total, completed=done, speed="", end=None)

    def advance(self, tokens_per_second: float) -> None:
        """Count one more answer."""
        self._count += 1
        now, end = time.monotonic(), None
        if self._remaining is not None:
            # From the mean of all answers: they come in bursts, and one burst says nothing about the speed.
            end = now + (now - self._started) / self._count * (self._remaining - self._count)
        self._progress.update(self._task, advance=1, speed=f"{tokens_per_second:.1f} tok/s", end=end)

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class _TimeRemaining(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return the time to the expected end."""
        end = task.fields["end"]
        if end is None:
            return Text("-:--:--", style="progress.remaining")
        seconds = max(0, round(end - time.monotonic()))
        return Text(str(timedelta(seconds=seconds)), style="progress.remaining")
