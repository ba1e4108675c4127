"""Rows of a given width: wrapping, and the margins of lists and quotes."""

from dataclasses import dataclass
from functools import cache

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Margin:
    """What stands before the first row of a line, and before the others."""

    first: str = ""
    rest: str = ""

    @property
    def width(self) -> int:
        """Columns that it takes."""
        return max(cell_len(self.first), cell_len(self.rest))

    def within(self, outer: str) -> "Margin":
        """Return it behind another one."""
        return Margin(outer + self.first, outer + self.rest)


def wrapped(text: Text, width: int, margin: Margin) -> list[Text]:
    """Return a text in rows of at most `width` columns, broken between words where possible."""
    room = max(width - margin.width, _NARROWEST)
    lines = text.wrap(_console(), room, overflow="fold") if text.plain else [text]
    return [
        Text.assemble((margin.rest if number else margin.first, "dim"), line, end="")
        for number, line in enumerate(lines)
    ]


def folded(text: Text, width: int) -> list[Text]:
    """Return a text in rows as a terminal breaks it, anywhere."""
    return (
        list(text.wrap(_console(), max(width, 2), overflow="fold", no_wrap=False)) if text.plain else [text]
    )


@cache
def _console() -> Console:
    # Text asks a console for its tab size alone.
    return Console(width=80, file=None, force_terminal=False)
