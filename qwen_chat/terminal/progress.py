"""A bar for long work: how far it is, how fast, and how long it will take."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """On stderr, where that is a terminal; elsewhere nothing is shown."""

    def __init__(self, total: int | None, done: int, *, shown: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        rest = TextColumn("{task.fields[speed]}"), TimeRemainingColumn()
        self._progress = Progress(
            *columns, *rest, console=Console(stderr=True), disable=not (shown and sys.stderr.isatty())
        )
        self._task = self._progress.add_task("answering", total=total, completed=done, speed="")

    def advance(self, tokens_per_second: float) -> None:
        """Count one answer more."""
        self._progress.update(self._task, advance=1, speed=f"{tokens_per_second:.1f} tok/s")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
