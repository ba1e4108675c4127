"""A bar for long work: how far it is, how fast, and how long it will take."""

import sys
import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text


class Bar:
    """On stderr, where that is a terminal; elsewhere nothing is shown."""

    def __init__(self, total: int | None, done: int, *, shown: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        self._progress = Progress(
            *columns,
            TextColumn("{task.fields[speed]}"),
            _TimeLeft(),
            console=Console(stderr=True),
            disable=not (shown and sys.stderr.isatty()),
        )
        self._left = None if total is None else total - done
        self._fresh = 0
        self._started = time.monotonic()
        self._task = self._progress.add_task("answering", total=total, completed=done, speed="", end=None)

    def advance(self, tokens_per_second: float) -> None:
        """Count one answer more."""
        self._fresh += 1
        now, end = time.monotonic(), None
        if self._left is not None:
            # By the mean of all so far: answers come in bursts, and the last burst tells nothing of the pace.
            end = now + (now - self._started) / self._fresh * (self._left - self._fresh)
        self._progress.update(self._task, advance=1, speed=f"{tokens_per_second:.1f} tok/s", end=end)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class _TimeLeft(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return the time to the expected end."""
        end = task.fields["end"]
        if end is None:
            return Text("-:--:--", style="progress.remaining")
        seconds = max(0, round(end - time.monotonic()))
        return Text(str(timedelta(seconds=seconds)), style="progress.remaining")
