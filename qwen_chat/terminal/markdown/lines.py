"""Renders a line of Markdown that belongs to no larger block: a heading, rule, list item, formula or text."""

import re
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from qwen_chat.terminal.markdown.inline import render_inline
from qwen_chat.terminal.markdown.latex import latex_to_unicode
from qwen_chat.terminal.markdown.rows import Margin, wrap_text
from qwen_chat.text import strip_controls

_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})[ \t]+(?P<text>.*?)[ \t]*#*[ \t]*")
_HEADING_STYLES = {1: Style(bold=True, underline=True), 2: Style(bold=True, color="magenta")}
_RULE = re.compile(r" {0,3}([-*_])( *\1){2,} *")
_ITEM = re.compile(r"(?P<indent> *)(?P<marker>[-*+]|\d{1,9}[.)])(?P<gap> +)(?P<text>\S.*)")
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_BULLETS = "•◦▪"
_FORMULA = re.compile(r"\s*(?P<opening>\$\$|\\\[)(?P<text>.*)")
_FORMULA_ENDS = {"$$": "$$", "\\[": "\\]"}
_FORMULA_STYLE = Style(color="magenta")


@dataclass(frozen=True, slots=True)
class _OpenItem:
    """A list item that later lines may belong to: the columns before its marker, and before its text."""

    indent: int
    width: int


class LineRenderer:
    """Renders lines one by one; it remembers the list items that are open."""

    def __init__(self) -> None:
        self.margin = Margin()
        """The margin for the rest of the last line, where that line was split."""
        self._items: list[_OpenItem] = []

    def end_list(self) -> None:
        """Close all list items."""
        self._items = []

    def render(self, line: str, quote: str, width: int) -> list[Text]:
        """Return the rows of a line; `quote` is the prefix of the quotes that it stands in."""
        if (heading := _HEADING.fullmatch(line)) is not None:
            self._items = []
            style = _HEADING_STYLES.get(len(heading["level"]), Style(bold=True))
            return self.wrap(render_inline(heading["text"], style), width, Margin(quote, quote))
        if _RULE.fullmatch(line):
            return [Text(quote + "─" * max(width - len(quote), 3), "dim", end="")]
        if (formula := _FORMULA.fullmatch(line)) and _is_whole_formula(formula["opening"], formula["text"]):
            return self.render_formula(formula["text"].rstrip()[:-2], quote, width)
        if (item := _ITEM.fullmatch(line)) is not None:
            return self._render_item(item, quote, width)
        margin = quote + self._list_margin(line)
        return self.wrap(render_inline(line.strip()), width, Margin(margin, margin))

    def preview(self, line: str, quote: str, width: int) -> list[Text]:
        """Return the rows of a line that may still grow; the open list items stay as they are."""
        items = self._items[:]
        rows = self.render(line, quote, width)
        self._items = items
        return rows

    def render_formula(self, formula: str, quote: str, width: int) -> list[Text]:
        """Return the rows of a displayed formula, without its delimiters."""
        margin = Margin(quote + "    ", quote + "    ")
        lines = [part.strip() for part in re.split(r"\\\\|\n", formula) if part.strip()]
        texts = [Text(strip_controls(latex_to_unicode(line)), _FORMULA_STYLE, end="") for line in lines]
        return [row for text in texts for row in self.wrap(text, width, margin)]

    def wrap(self, text: Text, width: int, margin: Margin) -> list[Text]:
        """Return a text in rows, and remember their margin."""
        self.margin = Margin(margin.rest, margin.rest)
        return wrap_text(text, width, margin)

    def _render_item(self, item: re.Match[str], quote: str, width: int) -> list[Text]:
        indent = len(item["indent"])
        while self._items and self._items[-1].indent >= indent:
            self._items.pop()
        marker, text = item["marker"], item["text"]
        bullet = _BULLETS[min(len(self._items), len(_BULLETS) - 1)] if marker in "-*+" else marker
        checkbox = next((sign for mark, sign in _TASKS.items() if text.startswith(mark)), "")
        first = " " * (self._items[-1].width if self._items else 0) + f"{bullet} {checkbox}"
        self._items.append(_OpenItem(indent, len(first)))
        margin = Margin(first, " " * len(first)).indent(quote)
        return self.wrap(render_inline(text[4:] if checkbox else text), width, margin)

    def _list_margin(self, line: str) -> str:
        """Return the margin of text that belongs to a list item; text without indent ends the list."""
        indent = len(line) - len(line.lstrip(" "))
        if not indent:
            self._items = []
        return " " * max((item.width for item in self._items if indent > item.indent), default=0)


def is_item(line: str) -> bool:
    """Return whether a line is a list item."""
    return _ITEM.fullmatch(line) is not None


def open_formula(line: str) -> str:
    """Return the delimiter of a displayed formula that a line opens and does not close, or ""."""
    found = _FORMULA.fullmatch(line)
    if found is None or ends_formula(found["opening"], found["text"]):
        return ""
    return found["opening"]


def ends_formula(opening: str, text: str) -> bool:
    """Return whether a text ends with the delimiter that closes a formula."""
    return text.rstrip().endswith(_FORMULA_ENDS[opening])


def _is_whole_formula(opening: str, text: str) -> bool:
    return ends_formula(opening, text) and bool(text.rstrip()[:-2].strip())
