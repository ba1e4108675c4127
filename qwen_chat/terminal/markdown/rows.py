"""Rows of a given width: wrapped text, with the margins of lists and quotes."""

from dataclasses import dataclass
from functools import cache

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_MIN_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Margin:
    """What stands before the first row of a line, and before its other rows."""

    first: str = ""
    rest: str = ""

    @property
    def width(self) -> int:
        """The columns that it takes."""
        return max(cell_len(self.first), cell_len(self.rest))

    def indent(self, outer: str) -> "Margin":
        """Return the margin with `outer` before it."""
        return Margin(outer + self.first, outer + self.rest)


def wrap_text(text: Text, width: int, margin: Margin) -> list[Text]:
    """Return a text in rows of at most `width` columns, broken between words where possible."""
    available = max(width - margin.width, _MIN_WIDTH)
    lines = text.wrap(_console(), available, overflow="fold") if text.plain else [text]
    return [
        Text.assemble((margin.rest if number else margin.first, "dim"), line, end="")
        for number, line in enumerate(lines)
    ]


def fold_text(text: Text, width: int) -> list[Text]:
    """Return a text in rows that are broken as a terminal breaks them, within words too."""
    if not text.plain:
        return [text]
    return list(text.wrap(_console(), max(width, 2), overflow="fold", no_wrap=False))


@cache
def _console() -> Console:
    # Text.wrap reads nothing but the tab size of a console.
    return Console(width=80, file=None, force_terminal=False)
