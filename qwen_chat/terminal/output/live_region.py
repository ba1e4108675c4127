"""The live region: the last rows of the screen, drawn again and again; rows above it are printed for good."""

import time
from collections.abc import Callable, Iterable, Sequence
from os import terminal_size
from typing import TextIO

from rich.console import Console
from rich.text import Text

_DRAW_SECONDS = 0.08
"""The least time between drawings: eyes see no more, and a slow terminal is not flooded."""

_UP = "\x1b[{}A"
_ERASE_BELOW = "\r \x1b[J\r\x1b[K"
"""Erases from the second column on, then the first: tmux keeps a screen that is erased from its corner on."""

_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
"""Whether long rows continue on the next row; after a window became narrower they must not."""


class LiveRegion:
    """Prints rows for good, and redraws a few rows below them.

    The cursor stays on the first row of the region, not on its last: when the width of the window changes,
    each terminal wraps rows in its own way, but the row with the cursor keeps its place.
    """

    def __init__(self, stdout: TextIO, size: Callable[[], terminal_size]) -> None:
        self._stdout = stdout
        self._size = size
        self._console = Console(
            file=stdout, force_terminal=True, width=10_000, soft_wrap=True, highlight=False
        )
        self._is_drawn = False
        self._drawn_at = -_DRAW_SECONDS

    @property
    def width(self) -> int:
        """The columns to write in."""
        # After a character in the last column, some terminals move to the next row and some do not.
        return max(self._size().columns - 1, 10)

    @property
    def height(self) -> int:
        """The most rows of the region: a narrower window must not push its first row off the screen."""
        return max(self._size().lines // 2, 2)

    @property
    def is_due(self) -> bool:
        """Whether the last drawing is long enough ago to draw again."""
        return time.monotonic() - self._drawn_at >= _DRAW_SECONDS

    def draw(self, finished: Iterable[Text], live: Sequence[Text]) -> None:
        """Print finished rows for good, then replace the region; each row must fit one row of the screen."""
        self._drawn_at = time.monotonic()
        frame = [_ERASE_BELOW] if self._is_drawn else []
        with self._console.capture() as printed:
            for row in finished:
                self._console.print(row, end="\n")
        frame.append(printed.get())
        if shown := live[-self.height :]:
            frame += self._render_region(shown)
        self._is_drawn = bool(shown)
        # In one write: a window that is resized within a frame would tear it.
        self._stdout.write("".join(frame))
        self._stdout.flush()

    def _render_region(self, rows: Sequence[Text]) -> list[str]:
        with self._console.capture() as drawn:
            for number, row in enumerate(rows):
                self._console.print(row, end="\n" if number < len(rows) - 1 else "")
        up = _UP.format(len(rows) - 1) if len(rows) > 1 else ""
        return [_WRAP_OFF, drawn.get(), up, "\r", _WRAP_ON]
