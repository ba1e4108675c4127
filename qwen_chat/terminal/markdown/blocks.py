"""Blocks of Markdown -> rows of a terminal, line by line: the look of a line depends on no later line.

Two blocks are held back until they are complete: a table, whose columns are as wide as all its cells, and a
displayed formula. Emphasis ends with its line, and a line break is a line break, as chat models mean it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from qwen_chat.terminal.markdown import tables
from qwen_chat.terminal.markdown.code import CodeHighlighter
from qwen_chat.terminal.markdown.inline import render_inline
from qwen_chat.terminal.markdown.lines import LineRenderer, ends_formula, is_item, open_formula
from qwen_chat.terminal.markdown.rows import Margin, wrap_text
from qwen_chat.text import strip_controls

_FENCE = re.compile(
    r"(?P<indent> *(?P<item>(?:[-*+]|\d{1,9}[.)]) +)?)"  # it may stand on the line of its list item
    r"(?P<fence>`{3,}(?=[^`]*$)|~{3,}) *(?P<language>[\w+#.-]*).*"
)
_QUOTE = re.compile(r" {0,3}> ?")
_QUOTE_PREFIX = "│ "
_MAX_QUOTE_DEPTH = 8
_MAX_FORMULA_LINES = 60
"""Lines after which an open formula is taken for text."""


@dataclass(frozen=True, slots=True)
class _Fence:
    """An open block of code: the fence that opened it and the spaces before that."""

    fence: str
    indent: int
    code: CodeHighlighter

    def is_closed_by(self, line: str) -> bool:
        bare = line.strip()
        indent = len(line) - len(line.lstrip())
        return set(bare) == {self.fence[0]} and len(bare) >= len(self.fence) and indent < self.indent + 4


class BlockRenderer:
    """Takes whole lines, and returns their rows at `width` columns."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._depth = 0
        """How many quotes the last line stands in."""
        self._fence: _Fence | None = None
        self._held: list[str] = []
        self._is_table = False
        self._formula = ""
        """The delimiter of the open formula."""
        self._lines = LineRenderer()
        self._blank_depth: int | None = None
        """The quotes around a blank line that is shown before the next row."""
        self._has_rows = False
        self._carried: Text | None = None
        """The last row of a line whose rest is still to come."""

    @property
    def pending(self) -> str:
        """A description of the block that is held back; empty when there is none."""
        if self._formula:
            return "a formula ..."
        return f"a table, {len(self._held)} rows ..." if self._is_table else ""

    def add_line(self, source: str) -> Iterator[Text]:
        """Yield the rows of the next line, given without its line end."""
        depth, inner = _strip_quotes(source.expandtabs(4), self._max_depth)
        if self._carried is None and depth != self._depth:
            yield from self.finish()
            depth, inner = _strip_quotes(source.expandtabs(4), _MAX_QUOTE_DEPTH)
            self._depth = depth
        yield from self._add(inner)

    def add_line_start(self, source: str) -> Iterator[Text]:
        """Yield the rows of the beginning of a long line; its last row is held until the rest comes."""
        rows = list(self.add_line(source))
        if self._fence is None and rows:
            last = rows.pop()
            self._carried = last[len(self._lines.margin.rest) :]
            if source.endswith(" ") and not self._carried.plain.endswith(" "):
                self._carried.append(" ")
        yield from rows

    def preview(self, source: str) -> list[Text]:
        """Return the rows of a line that may still grow, without adding it."""
        depth, inner = _strip_quotes(source.expandtabs(4), self._max_depth)
        quote = _QUOTE_PREFIX * depth
        if self._carried is not None:
            carried = self._carried + render_inline(inner.rstrip())
            return wrap_text(carried, self.width, self._lines.margin)
        if depth == self._depth and self._fence is not None:
            code = self._fence.code.preview(_strip_indent(inner, self._fence.indent))
            return self._lines.wrap(code, self.width, Margin(quote, quote))
        blank = [] if self._blank_depth is None else [_blank_row(self._blank_depth)]
        return [*blank, *self._lines.preview(inner, self._quote, self.width)]

    def finish(self) -> Iterator[Text]:
        """Yield the rows that are held back, and close all blocks: at the end, or where a quote ends."""
        if self._carried is not None:
            yield from self._add("")
        yield from self._release()
        self._fence = None
        self._lines.end_list()

    @property
    def _quote(self) -> str:
        return _QUOTE_PREFIX * self._depth

    @property
    def _max_depth(self) -> int:
        """How many quote marks count as such: code and formulae may begin with > themselves."""
        return self._depth if self._fence is not None or self._formula else _MAX_QUOTE_DEPTH

    def _add(self, line: str) -> Iterator[Text]:
        if self._carried is not None:
            text, self._carried = self._carried + render_inline(line.rstrip()), None
            yield from wrap_text(text, self.width, self._lines.margin)
        elif self._fence is not None:
            yield self._render_code(self._fence, line)
        elif self._formula:
            yield from self._add_to_formula(line)
        elif self._held:
            yield from self._add_to_table(line)
        else:
            yield from self._open_block(line)

    def _open_block(self, line: str) -> Iterator[Text]:
        """Take a line while no block is open."""
        if not line.strip():
            self._blank_depth = self._depth if self._has_rows else None
        elif (fence := _FENCE.fullmatch(line)) is not None:
            yield from self._open_fence(fence)
        elif opening := open_formula(line):
            self._formula, self._held = opening, [line]
        elif tables.may_be_row(line) and not is_item(line):
            self._held = [line]
        else:
            yield from self._render_line(line)

    def _render_line(self, line: str) -> Iterator[Text]:
        yield from self._after_blank(self._lines.render(line, self._quote, self.width))

    def _after_blank(self, rows: list[Text]) -> Iterator[Text]:
        """Yield rows, after the blank line that came before them."""
        if self._blank_depth is not None:
            yield _blank_row(self._blank_depth)
        self._blank_depth, self._has_rows = None, True
        yield from rows

    def _open_fence(self, found: re.Match[str]) -> Iterator[Text]:
        fence, language = found["fence"], found["language"]
        self._fence = _Fence(fence, len(found["indent"]), CodeHighlighter(language))
        opening = fence + strip_controls(language)
        if found["item"]:
            yield from self._render_line(found["indent"] + opening)
        else:
            yield from self._after_blank([self._dim_row(opening)])

    def _render_code(self, fence: _Fence, line: str) -> Text:
        if fence.is_closed_by(line):
            self._fence = None
            return self._dim_row(line.strip())
        # Not wrapped: a copied line of code must be one line.
        code = fence.code.highlight(_strip_indent(line, fence.indent))
        return Text.assemble((self._quote, "dim"), code, end="")

    def _dim_row(self, text: str) -> Text:
        return Text(self._quote + text, "dim", end="")

    def _add_to_table(self, line: str) -> Iterator[Text]:
        """Take the line after a possible table header, or the next row of a table."""
        if not self._is_table and tables.is_header_rule(line, self._held[0]):
            self._is_table, self._held = True, [*self._held, line]
        elif self._is_table and tables.may_be_row(line):
            self._held.append(line)
        else:
            yield from self._release()
            yield from self._open_block(line)

    def _add_to_formula(self, line: str) -> Iterator[Text]:
        self._held.append(line)
        if ends_formula(self._formula, line):
            formula = "\n".join(self._held).strip()[2:-2]
            self._held, self._formula = [], ""
            yield from self._after_blank(self._lines.render_formula(formula, self._quote, self.width))
        elif len(self._held) > _MAX_FORMULA_LINES:
            yield from self._release()

    def _release(self) -> Iterator[Text]:
        """Yield the rows of a held table, or of held lines that became neither table nor formula."""
        held, is_table = self._held, self._is_table
        self._held, self._is_table, self._formula = [], False, ""
        if is_table:
            yield from self._after_blank(self._render_table(held))
            return
        for line in filter(str.strip, held):
            yield from self._render_line(line)

    def _render_table(self, lines: list[str]) -> list[Text]:
        header, rule, *rows = lines
        table = tables.render_table(header, rule, rows, max(self.width - len(self._quote), 4))
        return [Text.assemble((self._quote, "dim"), row, end="") for row in table]


def _blank_row(depth: int) -> Text:
    return Text((_QUOTE_PREFIX * depth).rstrip(), "dim", end="")


def _strip_quotes(line: str, max_depth: int) -> tuple[int, str]:
    """Return how many quotes a line stands in, and the line without their marks."""
    depth = 0
    while depth < max_depth and (found := _QUOTE.match(line)) is not None:
        depth, line = depth + 1, line[found.end() :]
    return depth, line


def _strip_indent(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
