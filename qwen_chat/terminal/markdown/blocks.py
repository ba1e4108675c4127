"""Lines of Markdown -> rows of a terminal, line by line: what a line looks like depends on none after it.

Two things wait for their end: a table, whose columns are as wide as all its cells, and a displayed formula.
Emphasis does not reach over the end of a line, and a line break is a line break, as chat models mean it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from qwen_chat.terminal.markdown import tables
from qwen_chat.terminal.markdown.code import CodeLines
from qwen_chat.terminal.markdown.inline import inline
from qwen_chat.terminal.markdown.latex import to_unicode
from qwen_chat.terminal.markdown.rows import Margin, wrapped
from qwen_chat.text import strip_controls

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}(?=[^`]*$)|~{3,}) *(?P<language>[\w+#.-]*).*")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})[ \t]+(?P<text>.*?)[ \t]*#*[ \t]*")
_RULE = re.compile(r" {0,3}([-*_])( *\1){2,} *")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"(?P<indent> *)(?P<marker>[-*+]|\d{1,9}[.)])(?P<gap> +)(?P<text>\S.*)")
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_BULLETS = "•◦▪"
_OPEN_FORMULA = re.compile(r"\s*(\$\$|\\\[)(?P<text>.*)")
_CLOSED = {"$$": "$$", "\\[": "\\]"}
_LONGEST_FORMULA = 60
"""Lines after which what began like a formula is taken for text."""

_HEADINGS = {1: Style(bold=True, underline=True), 2: Style(bold=True, color="magenta")}
_FORMULA = Style(color="magenta")
_DEEPEST = 8
"""Quotes within quotes that are told apart."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An open item of a list: where its marker stands, and where its text is shown."""

    indent: int
    width: int


class Blocks:
    """Takes whole lines, and gives the rows they make at `width` columns."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._quote = 0
        self._fence: tuple[str, str, int, CodeLines] | None = None
        self._held: list[str] = []
        self._table = False
        self._formula = ""
        self._items: list[_Item] = []
        self._gap: int | None = None
        self._begun = False
        self._margin = Margin()
        self._carried: Text | None = None

    @property
    def waits(self) -> str:
        """What is held back until it is whole, in words; empty where nothing is."""
        if self._formula:
            return "a formula ..."
        return f"a table, {len(self._held)} rows ..." if self._table else ""

    def line(self, source: str) -> Iterator[Text]:
        """Yield the rows of the next line, without its end."""
        depth, inner = _unquoted(source.expandtabs(4), self._deepest)
        if self._carried is None and depth != self._quote:
            yield from self.finish()
            depth, inner = _unquoted(source.expandtabs(4), _DEEPEST)
            self._quote = depth
        yield from self._take(inner)

    def part(self, source: str) -> Iterator[Text]:
        """Yield the rows of the beginning of a line too long to wait for; its last row waits for the rest."""
        rows = list(self.line(source))
        if self._fence is None and rows:
            last = rows.pop()
            self._carried = last[len(self._margin.rest) :]
            if source.endswith(" ") and not self._carried.plain.endswith(" "):
                self._carried.append(" ")
        yield from rows

    def peek(self, source: str) -> list[Text]:
        """Return the rows of a line that may grow; nothing is kept of it."""
        depth, inner = _unquoted(source.expandtabs(4), self._deepest)
        margin = Margin("", "").within("│ " * depth)
        if self._carried is not None:
            return wrapped(self._carried + inline(inner.rstrip()), self.width, self._margin)
        if depth == self._quote and self._fence is not None:
            indent, code = self._fence[2], self._fence[3]
            return self._wrapped(code.peek(_without(inner, indent)), self.width, margin)
        gap = [] if self._gap is None else [self._blank(self._gap)]
        return [*gap, *(row for piece in self._plain(inner, self._items[:]) for row in piece)]

    def finish(self) -> Iterator[Text]:
        """Yield the rows of what waits, and close what is open: at the end, or where a quote ends."""
        if self._carried is not None:
            yield from self._take("")
        yield from self._release()
        self._fence, self._items = None, []

    @property
    def _deepest(self) -> int:
        """How many marks of a quote are looked for: code and formulae may have such signs of their own."""
        return self._quote if self._fence is not None or self._formula else _DEEPEST

    def _take(self, line: str) -> Iterator[Text]:
        if self._carried is not None:
            text, self._carried = self._carried + inline(line.rstrip()), None
            yield from wrapped(text, self.width, self._margin)
        elif self._fence is not None:
            yield from self._code(line)
        elif self._formula:
            yield from self._within_formula(line)
        elif self._held:
            yield from self._after_head(line)
        else:
            yield from self._begin(line)

    def _begin(self, line: str) -> Iterator[Text]:
        """Take a line where no block is open."""
        if not line.strip():
            self._gap = self._quote if self._begun else None
            return
        if (fence := _FENCE.fullmatch(line)) is not None:
            yield from self._open_fence(fence)
        elif (opened := _OPEN_FORMULA.fullmatch(line)) and not _closes(opened[1], opened["text"]):
            self._formula, self._held = opened[1], [line]
        elif tables.could_begin(line) and not _ITEM.fullmatch(line):
            self._held = [line]
        else:
            yield from self._show(line)

    def _show(self, line: str) -> Iterator[Text]:
        for rows in self._plain(line, self._items):
            yield from self._spaced(rows)

    def _spaced(self, rows: list[Text]) -> Iterator[Text]:
        if self._gap is not None:
            yield self._blank(self._gap)
        self._gap, self._begun = None, True
        yield from rows

    @staticmethod
    def _blank(depth: int) -> Text:
        return Text(("│ " * depth).rstrip(), "dim", end="")

    # A line by itself

    def _plain(self, line: str, items: list[_Item]) -> Iterator[list[Text]]:
        """Yield the rows of a line that is no part of a larger block; `items` change with it."""
        outer = "│ " * self._quote
        if (heading := _HEADING.fullmatch(line)) is not None:
            items.clear()
            style = _HEADINGS.get(len(heading["level"]), Style(bold=True))
            yield self._wrapped(inline(heading["text"], style), self.width, Margin(outer, outer))
        elif _RULE.fullmatch(line):
            yield [Text(outer + "─" * max(self.width - len(outer), 3), "dim", end="")]
        elif (formula := _OPEN_FORMULA.fullmatch(line)) and _whole(formula[1], formula["text"]):
            yield self._displayed(formula["text"].rstrip()[:-2])
        elif (item := _ITEM.fullmatch(line)) is not None:
            yield self._item(item, items, outer)
        else:
            margin = outer + _under(line, items)
            yield self._wrapped(inline(line.strip()), self.width, Margin(margin, margin))

    def _item(self, item: re.Match[str], items: list[_Item], outer: str) -> list[Text]:
        indent = len(item["indent"])
        while items and items[-1].indent >= indent:
            items.pop()
        marker, text = item["marker"], item["text"]
        shown = _BULLETS[min(len(items), len(_BULLETS) - 1)] if marker in "-*+" else marker
        task = next((sign for mark, sign in _TASKS.items() if text.startswith(mark)), "")
        first = " " * (items[-1].width if items else 0) + f"{shown} {task}"
        items.append(_Item(indent, len(first)))
        margin = Margin(first, " " * len(first)).within(outer)
        return self._wrapped(inline(text[4:] if task else text), self.width, margin)

    def _displayed(self, formula: str) -> list[Text]:
        margin = "│ " * self._quote + "    "
        lines = [part for part in re.split(r"\\\\|\n", formula) if part.strip()]
        return [
            row
            for line in lines
            for row in self._wrapped(
                Text(strip_controls(to_unicode(line.strip())), _FORMULA, end=""),
                self.width,
                Margin(margin, margin),
            )
        ]

    def _wrapped(self, text: Text, width: int, margin: Margin) -> list[Text]:
        self._margin = Margin(margin.rest, margin.rest)
        return wrapped(text, width, margin)

    # Fences

    def _open_fence(self, found: re.Match[str]) -> Iterator[Text]:
        language = found["language"]
        self._fence = found["fence"][0], found["fence"], len(found["indent"]), CodeLines(language)
        yield from self._spaced([self._mark(found["fence"] + strip_controls(language))])

    def _code(self, line: str) -> Iterator[Text]:
        if self._fence is None:
            return
        sign, fence, indent, code = self._fence
        bare = line.strip()
        if set(bare) == {sign} and len(bare) >= len(fence) and len(line) - len(line.lstrip()) < indent + 4:
            self._fence = None
            yield self._mark(bare)
        else:
            # Not wrapped: a line of code is one line when it is copied.
            yield Text.assemble(("│ " * self._quote, "dim"), code.line(_without(line, indent)), end="")

    def _mark(self, text: str) -> Text:
        return Text("│ " * self._quote + text, "dim", end="")

    # What waits for its end

    def _after_head(self, line: str) -> Iterator[Text]:
        """Take the line after what may be the head of a table, or one more of its rows."""
        if not self._table and tables.is_rule(line, self._held[0]):
            self._table, self._held = True, [*self._held, line]
        elif self._table and tables.could_begin(line):
            self._held.append(line)
        else:
            yield from self._release()
            yield from self._begin(line)

    def _within_formula(self, line: str) -> Iterator[Text]:
        self._held.append(line)
        if _closes(self._formula, line):
            whole = "\n".join(self._held).strip()
            self._held, self._formula = [], ""
            yield from self._spaced(self._displayed(whole[2:-2]))
        elif len(self._held) > _LONGEST_FORMULA:
            yield from self._release()

    def _release(self) -> Iterator[Text]:
        """Show what was held back: a table, or lines that were no table and no formula."""
        held, table = self._held, self._table
        self._held, self._table, self._formula = [], False, ""
        if table:
            outer = "│ " * self._quote
            rows = tables.drawn(held[0], held[1], held[2:], max(self.width - len(outer), 4))
            yield from self._spaced([Text.assemble((outer, "dim"), row, end="") for row in rows])
            return
        for line in held:
            if line.strip():
                yield from self._show(line)


def _unquoted(line: str, deepest: int) -> tuple[int, str]:
    """Return how deep a line is quoted, and what is quoted."""
    depth = 0
    while depth < deepest and (found := _QUOTE.match(line)) is not None:
        depth, line = depth + 1, line[found.end() :]
    return depth, line


def _without(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


def _under(line: str, items: list[_Item]) -> str:
    """Return the margin of text under a list's item; text at the left edge ends the list."""
    indent = len(line) - len(line.lstrip(" "))
    if not indent:
        items.clear()
    return " " * max((item.width for item in items if indent > item.indent), default=0)


def _closes(opened: str, text: str) -> bool:
    return text.rstrip().endswith(_CLOSED[opened])


def _whole(opened: str, text: str) -> bool:
    return _closes(opened, text) and bool(text.rstrip()[:-2].strip())
