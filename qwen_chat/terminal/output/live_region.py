"""The end of the screen that may still change: what is above it is printed for good."""

import time
from collections.abc import Callable, Iterable, Sequence
from os import terminal_size
from typing import TextIO

from rich.console import Console
from rich.text import Text

_DRAW_SECONDS = 0.08
"""How often the tail is drawn at most: eyes see no more, and a slow terminal is not flooded."""

_UP = "\x1b[{}A"
_ERASE_BELOW = "\r \x1b[J\r\x1b[K"
"""From the second column on, then the first: tmux keeps a screen that is erased from its corner on."""

_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""Whether rows that are too long go on in the next; in a window that became narrower they must not."""


class Tail:
    """Prints rows for good, and below them a few that are drawn again at will.

    The cursor waits on the first row of the tail, not on its last: when the window changes its width,
    terminals break rows anew, each in its way, but the row the cursor is on stays the one it is on.
    """

    def __init__(self, stdout: TextIO, size: Callable[[], terminal_size]) -> None:
        self._stdout = stdout
        self._size = size
        self._console = Console(
            file=stdout, force_terminal=True, width=10_000, soft_wrap=True, highlight=False
        )
        self._standing = False
        self._drawn = -_DRAW_SECONDS

    @property
    def width(self) -> int:
        """Columns to write in."""
        # A terminal that is written full to the last column may go to the next line, or not.
        return max(self._size().columns - 1, 10)

    @property
    def height(self) -> int:
        """Rows that the tail may take: a narrower window must not push its first row off the screen."""
        return max(self._size().lines // 2, 2)

    @property
    def due(self) -> bool:
        """Whether it is time to draw again."""
        return time.monotonic() - self._drawn >= _DRAW_SECONDS

    def draw(self, finished: Iterable[Text], tail: Sequence[Text]) -> None:
        """Print rows for good, then the tail in place of the one before; it has a row per screen row."""
        self._drawn = time.monotonic()
        frame = [_ERASE_BELOW] if self._standing else []
        with self._console.capture() as printed:
            for row in finished:
                self._console.print(row, end="\n")
        frame.append(printed.get())
        if shown := tail[-self.height :]:
            with self._console.capture() as drawn:
                for number, row in enumerate(shown):
                    self._console.print(row, end="\n" if number < len(shown) - 1 else "")
            up = _UP.format(len(shown) - 1) if len(shown) > 1 else ""
            frame += [_CUT, drawn.get(), up, "\r", _WRAP]
        self._standing = bool(shown)
        # At once: a window that is resized within a frame would tear it.
        self._stdout.write("".join(frame))
        self._stdout.flush()
