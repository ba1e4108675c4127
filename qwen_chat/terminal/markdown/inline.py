"""Inline Markdown -> styled text: emphasis, code, links and formulae; everything else stays as it is."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from qwen_chat.export.text_rules import keep_as_text
from qwen_chat.terminal.markdown.latex import replace_formulae
from qwen_chat.text import strip_controls

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_BEGIN, _END = "\ue000", "\ue001"
"""Around the number that replaces a formula while Markdown is parsed: its signs are no Markdown."""

_PLACEHOLDER = re.compile(f"{_BEGIN}([0-9]+){_END}")
_STYLES = {
    "em": Style(italic=True),
    "strong": Style(bold=True),
    "s": Style(strike=True),
    "link": Style(underline=True),
}
_CODE, _FORMULA, _DIM = Style(color="cyan"), Style(color="magenta"), Style(dim=True)


def render_inline(line: str, style: Style | None = None) -> Text:
    """Return a line of Markdown as styled text without control characters."""
    formulae: list[str] = []

    def hide(formula: str) -> str:
        formulae.append(formula)
        return f"{_BEGIN}{len(formulae) - 1}{_END}"

    source = strip_controls(line).expandtabs(4)
    if _BEGIN not in source:
        source = replace_formulae(source, hide)
    builder = _Builder(style or Style(), formulae)
    for token in _parser().parseInline(source)[0].children or []:
        builder.add(token)
    return builder.text


class _Builder:
    """Builds a text from tokens, under the styles that are open."""

    def __init__(self, style: Style, formulae: Sequence[str]) -> None:
        self.text = Text(end="")
        self._styles = [style]
        self._links: list[tuple[str, int]] = []
        self._formulae = formulae

    def add(self, token: "Token") -> None:
        """Append a token of a line."""
        name, _, kind = token.type.rpartition("_")
        if kind == "open":
            self._styles.append(self._styles[-1] + _STYLES.get(name, Style()))
            if name == "link":
                self._links.append((str(token.attrs.get("href", "")), len(self.text)))
        elif kind == "close":
            self._styles.pop()
            if name == "link":
                self._append_target(*self._links.pop())
        elif token.type == "code_inline":
            self._append(token.content, self._styles[-1] + _CODE)
        elif token.type == "image":
            self._append(f"[{token.content}]({token.attrs.get('src', '')})", self._styles[-1])
        elif token.type in ("softbreak", "hardbreak"):
            self._append(" ", self._styles[-1])
        else:
            self._append(token.content, self._styles[-1])

    def _append(self, text: str, style: Style) -> None:
        for number, part in enumerate(_PLACEHOLDER.split(text)):
            if number % 2 and int(part) < len(self._formulae):
                self.text.append(strip_controls(self._formulae[int(part)]), style + _FORMULA)
            else:
                # The Markdown entity &#27; is an escape character.
                self.text.append(strip_controls(part), style)

    def _append_target(self, href: str, start: int) -> None:
        if href and href.removeprefix("mailto:") != self.text.plain[start:]:
            self.text.append(f" ({strip_controls(href)})", self._styles[-1] + _DIM)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    # Show URLs as they were written.
    parser.normalizeLink = str  # type: ignore[assignment, method-assign]
    keep_as_text(parser)
    return parser
