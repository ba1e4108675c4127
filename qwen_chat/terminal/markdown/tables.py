"""Tables of Markdown: known by the line under their head, drawn when they are whole."""

import io
import re
from collections.abc import Sequence
from typing import Literal

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.terminal.markdown.inline import inline

_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_BAR = re.compile(r"(?<!\\)\|")

_LINE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
"""A line under the head, and nothing else."""

Side = Literal["left", "center", "right"]


def could_begin(line: str) -> bool:
    """Whether a line may be the head of a table."""
    return "|" in line


def is_rule(line: str, head: str) -> bool:
    """Whether a line makes the one before it the head of a table."""
    return "-" in line and bool(_RULE.fullmatch(line)) and len(_cells(line)) == len(_cells(head))


def drawn(head: str, rule: str, lines: Sequence[str], width: int) -> list[Text]:
    """Return a table in rows of at most `width` columns; cells are wrapped where it is too wide."""
    table = Table(
        box=_LINE,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
        border_style="dim",
    )
    sides = [_side(cell) for cell in _cells(rule)]
    for cell, side in zip(_cells(head), sides, strict=True):
        table.add_column(inline(cell), justify=side, overflow="fold")
    for line in lines:
        cells = [*_cells(line), *[""] * len(sides)][: len(sides)]
        table.add_row(*map(inline, cells))
    console = Console(width=width, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    rows = [
        Text.assemble(*((part.text, part.style or "") for part in line), end="")
        for line in console.render_lines(table, pad=False)
    ]
    for row in rows:
        row.rstrip()
    return rows


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(inner)]


def _side(rule: str) -> Side:
    if rule.startswith(":") and rule.endswith(":"):
        return "center"
    return "right" if rule.endswith(":") else "left"
