"""An answer in Markdown on the screen while it is written.

Finished lines are printed once and belong to the scrollback; only the line being written is drawn again, and
it never grows beyond the screen.
"""

import time
from collections.abc import Callable, Iterable
from os import terminal_size
from typing import TextIO

from rich.console import Console
from rich.text import Text

from qwen_chat.terminal.markdown import Blocks
from qwen_chat.terminal.markdown.rows import folded

_DRAW_SECONDS = 0.08
"""How often the open line is drawn at most: eyes see no more, and a slow terminal is not flooded."""

_UP, _ERASE_BELOW = "\x1b[{}A", "\r\x1b[J"


class Rendered:
    """Takes an answer's text as it comes; `close` prints what is left."""

    def __init__(self, stdout: TextIO, size: Callable[[], terminal_size]) -> None:
        self._stdout = stdout
        self._size = size
        self._console = Console(
            file=stdout, force_terminal=True, width=10_000, soft_wrap=True, highlight=False
        )
        self._blocks = Blocks(_width(size()))
        self._open = ""
        self._rows = 0
        self._drawn = -_DRAW_SECONDS

    def go_on_from(self, text: str) -> None:
        """Show the last line of what was written before, and let it grow."""
        *before, self._open = text.split("\n")
        for line in before:
            list(self._blocks.line(line))  # for what is open in them, such as code
        self.feed("")

    def feed(self, text: str) -> None:
        """Print the lines that are whole now, and the open one if it is time to."""
        *whole, self._open = (self._open + text).split("\n")
        self._blocks.width = _width(self._size())
        finished: list[Text] = []
        for line in whole:
            *parts, rest = self._cut(line)
            finished += [row for part in parts for row in self._blocks.part(part)]
            finished += self._blocks.line(rest)
        *parts, self._open = self._cut(self._open)
        finished += [row for part in parts for row in self._blocks.part(part)]
        if finished or time.monotonic() - self._drawn >= _DRAW_SECONDS:
            self._draw(finished, self._tail())

    def close(self) -> None:
        """Print what is left."""
        rest = [*self._blocks.line(self._open)] if self._open else []
        self._open = ""
        self._draw([*rest, *self._blocks.finish()], [])

    def _cut(self, line: str) -> list[str]:
        """Part a line that would not fit the screen, between words where possible."""
        limit = self._limit()
        parts = []
        while len(line) > limit:
            end = line.rfind(" ", limit // 2, limit) + 1 or limit
            parts.append(line[:end])
            line = line[end:]
        return [*parts, line]

    def _limit(self) -> int:
        # A character may take two columns.
        columns, rows = self._size()
        return max(_width(terminal_size((columns, rows))) * max(rows - 4, 2) // 2, 40)

    def _tail(self) -> list[Text]:
        """Return the rows of the open line, folded as the terminal has room."""
        waits = [Text(self._blocks.waits, "dim", end="")] if self._blocks.waits else []
        rows = self._blocks.peek(self._open) if self._open.strip() else []
        width = _width(self._size())
        return [part for row in [*waits, *rows] for part in folded(row, width)]

    def _draw(self, finished: Iterable[Text], tail: list[Text]) -> None:
        self._drawn = time.monotonic()
        if self._rows > 1:
            self._stdout.write(_UP.format(self._rows - 1))
        if self._rows:
            self._stdout.write(_ERASE_BELOW)
        for row in finished:
            self._console.print(row, end="\n")
        for number, row in enumerate(tail):
            self._console.print(row, end="\n" if number < len(tail) - 1 else "")
        self._rows = len(tail)
        self._stdout.flush()


def _width(size: terminal_size) -> int:
    # A terminal that is written full to the last column may go to the next line, or not.
    return max(size.columns - 1, 10)
