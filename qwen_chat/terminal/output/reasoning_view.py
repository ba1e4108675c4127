"""Reasoning while it is written: its last lines, dim, and one line in their place when it is done."""

import re
import time
from typing import TextIO

from rich.text import Text

from qwen_chat.terminal.markdown.rows import Margin, wrapped
from qwen_chat.terminal.output.live_region import Tail
from qwen_chat.text import plural

_ROWS = 4
_MARGIN = Margin("  ", "  ")

_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(f"[{_SINGLE}]|(?<![^\\s{_SINGLE}])[^\\s{_SINGLE}]")
"""Where a word begins; a sign of Chinese, Japanese or Korean counts as one."""


class Tally:
    """Counts the words of reasoning, and the time it takes from the first of them."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._words = 0
        self._last = ""

    def add(self, text: str) -> None:
        """Count a piece, which may begin within a word."""
        self._words += sum(1 for _ in _WORD.finditer(self._last + text, len(self._last)))
        self._last = text[-1:] or self._last

    def told(self) -> str:
        """Return the line that stands for it all."""
        seconds = time.monotonic() - self._started
        return f"thought for {seconds:.1f} s ({plural(self._words, 'word')})"


class ThoughtsWindow:
    """Shows the last rows of reasoning; nothing but the line that stands for it goes to the scrollback."""

    def __init__(self, tail: Tail, *, hidden: bool) -> None:
        self._tail = tail
        self._hidden = hidden
        self._tally = Tally()
        self._end = ""
        self._stale = False

    def feed(self, text: str) -> None:
        """Take the next piece, and draw if it is time to."""
        self._tally.add(text)
        if not self._hidden:
            self._end = (self._end + text)[-_ROWS * self._tail.width :]
        self._stale |= bool(text)
        if self._stale and self._tail.due:
            self._tail.draw([], self._rows())
            self._stale = False

    def close(self) -> None:
        """Put the line in place of the window."""
        self._tail.draw([Text(self._tally.told(), "dim", end="")], [])

    def _rows(self) -> list[Text]:
        if not self._end.strip():
            return [Text("thinking ...", "dim", end="")]
        lines = [Text(line, "dim", end="") for line in self._end.split("\n") if line.strip()]
        return [row for line in lines for row in wrapped(line, self._tail.width, _MARGIN)][
            -min(_ROWS, self._tail.height) :
        ]


class FoldedThoughts:
    """Shows the line alone, when they are done."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._tally = Tally()

    def feed(self, text: str) -> None:
        """Count the next piece."""
        self._tally.add(text)

    def close(self) -> None:
        """Print the line."""
        self._stdout.write(f"{self._tally.told()}\n")
