"""An answer in Markdown on the screen while it is written.

Finished lines are printed once and belong to the scrollback; only the line being written is drawn again, and
it never grows beyond the screen.
"""

from rich.text import Text

from qwen_chat.terminal.markdown import Blocks
from qwen_chat.terminal.markdown.rows import folded
from qwen_chat.terminal.output.live_region import Tail

_PAIRED = ("*", "`", "$", "~~", "__")
_BRACKETS = (("[", "]"), ("(", ")"))


class Rendered:
    """Takes an answer's text as it comes; `close` prints what is left."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._blocks = Blocks(tail.width)
        self._open = ""
        self._stale = False

    def go_on_from(self, text: str) -> None:
        """Show the last line of what was written before, and let it grow."""
        *before, self._open = text.split("\n")
        for line in before:
            list(self._blocks.line(line))  # for what is open in them, such as code
        self._tail.draw([], self._rows())

    def feed(self, text: str) -> None:
        """Print the lines that are whole now, and the open one if it is time to."""
        *whole, self._open = (self._open + text).split("\n")
        self._blocks.width = self._tail.width
        limit = self._limit()
        finished: list[Text] = []
        for line in whole:
            *parts, rest = _parts(line, limit)
            finished += [row for part in parts for row in self._blocks.part(part)]
            finished += self._blocks.line(rest)
        *parts, self._open = _parts(self._open, limit)
        finished += [row for part in parts for row in self._blocks.part(part)]
        self._stale |= bool(text)
        if finished or (self._stale and self._tail.due):
            self._tail.draw(finished, self._rows())
            self._stale = False

    def close(self) -> None:
        """Print what is left."""
        self._blocks.width = self._tail.width
        rest = [*self._blocks.line(self._open)] if self._open else []
        self._open = ""
        self._tail.draw([*rest, *self._blocks.finish()], [])

    def _limit(self) -> int:
        # A character may take two columns.
        return max(self._tail.width * self._tail.height // 2, 40)

    def _rows(self) -> list[Text]:
        """Return the rows of the open line, folded as the terminal has room."""
        waits = [Text(self._blocks.waits, "dim", end="")] if self._blocks.waits else []
        rows = self._blocks.peek(self._open) if self._open.strip() else []
        return [part for row in [*waits, *rows] for part in folded(row, self._tail.width)]


def _parts(line: str, limit: int) -> list[str]:
    """Part a line that would not fit the screen."""
    parts = []
    while len(line) > limit:
        end = _best_end(line[:limit])
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]


def _best_end(line: str) -> int:
    """Return where to part a line: between words, and where no emphasis, code or link is open if possible."""
    spaces = [at + 1 for at in range(len(line) // 2, len(line)) if line[at] == " "]
    closed = (end for end in reversed(spaces) if _is_closed(line[:end]))
    return next(closed, spaces[-1] if spaces else len(line))


def _is_closed(text: str) -> bool:
    text = text.lstrip(" *")  # an item's mark
    return all(text.count(mark) % 2 == 0 for mark in _PAIRED) and all(
        text.count(left) == text.count(right) for left, right in _BRACKETS
    )
