"""Reasoning on the screen: its last lines, dim, while the model writes it; then one summary line."""

import re
import time
from typing import TextIO

from rich.text import Text

from qwen_chat.terminal.markdown.rows import Margin, wrap_text
from qwen_chat.terminal.output.live_region import LiveRegion
from qwen_chat.text import plural

_ROWS = 4
_MARGIN = Margin("  ", "  ")

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD_START = re.compile(f"[{_CJK}]|(?<![^\\s{_CJK}])[^\\s{_CJK}]")
"""Where a word begins; each Chinese, Japanese or Korean character counts as one word."""


class ReasoningSummary:
    """Counts the words of reasoning and the time it takes."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._words = 0
        self._last = ""

    def add(self, text: str) -> None:
        """Count a piece of text, which may begin within a word."""
        self._words += sum(1 for _ in _WORD_START.finditer(self._last + text, len(self._last)))
        self._last = text[-1:] or self._last

    def format(self) -> str:
        """Return the summary line."""
        seconds = time.monotonic() - self._started
        return f"thought for {seconds:.1f} s ({plural(self._words, 'word')})"


class ReasoningWindow:
    """Draws the last rows of reasoning; only the summary line goes into the scrollback."""

    def __init__(self, region: LiveRegion, *, hidden: bool) -> None:
        self._region = region
        self._hidden = hidden
        self._summary = ReasoningSummary()
        self._end = ""
        self._stale = False

    def feed(self, text: str) -> None:
        """Take the next piece of reasoning, and draw it if the last drawing is long enough ago."""
        self._summary.add(text)
        if not self._hidden:
            self._end = (self._end + text)[-_ROWS * self._region.width :]
        self._stale |= bool(text)
        if self._stale and self._region.is_due:
            self._region.draw([], self._rows())
            self._stale = False

    def close(self) -> None:
        """Replace the window by the summary line."""
        self._region.draw([Text(self._summary.format(), "dim", end="")], [])

    def _rows(self) -> list[Text]:
        if not self._end.strip():
            return [Text("thinking ...", "dim", end="")]
        lines = [Text(line, "dim", end="") for line in self._end.split("\n") if line.strip()]
        rows = [row for line in lines for row in wrap_text(line, self._region.width, _MARGIN)]
        return rows[-min(_ROWS, self._region.height) :]


class ReasoningSummaryWriter:
    """Prints only the summary line, at the end of the reasoning."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._summary = ReasoningSummary()

    def feed(self, text: str) -> None:
        """Count the next piece of reasoning."""
        self._summary.add(text)

    def close(self) -> None:
        """Print the summary line."""
        self._stdout.write(f"{self._summary.format()}\n")
