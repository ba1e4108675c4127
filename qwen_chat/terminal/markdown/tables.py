"""Tables of Markdown: recognized by the rule under the header, rendered when they are complete."""

import io
import re
from collections.abc import Sequence
from typing import Literal

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.terminal.markdown.inline import render_inline

_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_BAR = re.compile(r"(?<!\\)\|")

_HEADER_LINE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
"""A line under the header and no other lines."""

Alignment = Literal["left", "center", "right"]


def may_be_row(line: str) -> bool:
    """Return whether a line may be a row of a table."""
    return "|" in line


def is_header_rule(line: str, header: str) -> bool:
    """Return whether a line makes the line before it the header of a table."""
    if "-" not in line or not _RULE.fullmatch(line):
        return False
    return len(_split_cells(line)) == len(_split_cells(header))


def render_table(header: str, rule: str, lines: Sequence[str], width: int) -> list[Text]:
    """Return a table in rows of at most `width` columns; cells wrap where it would be wider."""
    table = Table(
        box=_HEADER_LINE,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
        border_style="dim",
    )
    alignments = [_alignment(cell) for cell in _split_cells(rule)]
    for cell, alignment in zip(_split_cells(header), alignments, strict=True):
        table.add_column(render_inline(cell), justify=alignment, overflow="fold")
    for line in lines:
        cells = [*_split_cells(line), *[""] * len(alignments)][: len(alignments)]
        table.add_row(*map(render_inline, cells))
    console = Console(width=width, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    rows = [
        Text.assemble(*((part.text, part.style or "") for part in line), end="")
        for line in console.render_lines(table, pad=False)
    ]
    for row in rows:
        row.rstrip()
    return rows


def _split_cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(inner)]


def _alignment(rule: str) -> Alignment:
    if rule.startswith(":") and rule.endswith(":"):
        return "center"
    return "right" if rule.endswith(":") else "left"
