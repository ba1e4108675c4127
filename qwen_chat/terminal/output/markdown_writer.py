"""Prints an answer as formatted Markdown while the model writes it.

Finished lines are printed once and go into the scrollback; only the open line is drawn again, and it never
grows beyond the screen.
"""

from rich.text import Text

from qwen_chat.terminal.markdown.blocks import BlockRenderer
from qwen_chat.terminal.markdown.rows import fold_text
from qwen_chat.terminal.output.live_region import LiveRegion

_PAIRED = ("*", "`", "$", "~~", "__")
_BRACKETS = (("[", "]"), ("(", ")"))


class MarkdownWriter:
    """Takes the text of an answer as it comes; `close` prints the rest."""

    def __init__(self, region: LiveRegion) -> None:
        self._region = region
        self._renderer = BlockRenderer(region.width)
        self._open_line = ""
        self._stale = False

    def resume_from(self, text: str) -> None:
        """Show the last line of the text that the answer continues."""
        *before, self._open_line = text.split("\n")
        for line in before:
            list(self._renderer.add_line(line))  # for the blocks that they leave open, such as code
        self._region.draw([], self._live_rows())

    def feed(self, text: str) -> None:
        """Print the complete lines, and redraw the open line if the last drawing is long enough ago."""
        *complete, self._open_line = (self._open_line + text).split("\n")
        self._renderer.width = self._region.width
        limit = self._max_open_line()
        finished: list[Text] = []
        for line in complete:
            *parts, rest = _split_long_line(line, limit)
            finished += [row for part in parts for row in self._renderer.add_line_start(part)]
            finished += self._renderer.add_line(rest)
        *parts, self._open_line = _split_long_line(self._open_line, limit)
        finished += [row for part in parts for row in self._renderer.add_line_start(part)]
        self._stale |= bool(text)
        if finished or (self._stale and self._region.is_due):
            self._region.draw(finished, self._live_rows())
            self._stale = False

    def close(self) -> None:
        """Print the rest."""
        self._renderer.width = self._region.width
        rest = [*self._renderer.add_line(self._open_line)] if self._open_line else []
        self._open_line = ""
        self._region.draw([*rest, *self._renderer.finish()], [])

    def _max_open_line(self) -> int:
        # A character may take two columns.
        return max(self._region.width * self._region.height // 2, 40)

    def _live_rows(self) -> list[Text]:
        """Return the rows of the open line, folded to the width of the terminal."""
        pending = self._renderer.pending
        rows = [Text(pending, "dim", end="")] if pending else []
        if self._open_line.strip():
            rows += self._renderer.preview(self._open_line)
        return [part for row in rows for part in fold_text(row, self._region.width)]


def _split_long_line(line: str, limit: int) -> list[str]:
    """Split a line that does not fit the screen into parts that do."""
    parts = []
    while len(line) > limit:
        end = _find_split(line[:limit])
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]


def _find_split(line: str) -> int:
    """Return where to split a line: between words, and if possible outside emphasis, code and links."""
    spaces = [at + 1 for at in range(len(line) // 2, len(line)) if line[at] == " "]
    closed = (end for end in reversed(spaces) if _is_balanced(line[:end]))
    return next(closed, spaces[-1] if spaces else len(line))


def _is_balanced(text: str) -> bool:
    text = text.lstrip(" *")  # the bullet of a list item
    return all(text.count(mark) % 2 == 0 for mark in _PAIRED) and all(
        text.count(left) == text.count(right) for left, right in _BRACKETS
    )
