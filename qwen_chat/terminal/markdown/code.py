"""Highlights code line by line: a line is printed once, when it is complete."""

from collections import deque
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from qwen_chat.text import strip_controls

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_CONTEXT_LINES = 12
"""How many earlier lines the colours of a line may depend on; each one costs time at every line."""

_STYLES = (
    ("Token.Comment", Style(dim=True, italic=True)),
    ("Token.Keyword", Style(color="magenta")),
    ("Token.Literal.String", Style(color="green")),
    ("Token.Literal.Number", Style(color="yellow")),
    ("Token.Name.Function", Style(color="blue")),
    ("Token.Name.Class", Style(color="blue", bold=True)),
    ("Token.Name.Builtin", Style(color="cyan")),
    ("Token.Name.Decorator", Style(color="cyan")),
    ("Token.Name.Tag", Style(color="blue")),
    ("Token.Operator.Word", Style(color="magenta")),
    ("Token.Generic.Deleted", Style(color="red")),
    ("Token.Generic.Inserted", Style(color="green")),
)


class CodeHighlighter:
    """Highlights the lines of one block of code; an unknown language stays plain."""

    def __init__(self, language: str) -> None:
        self._lexer = _find_lexer(language)
        self._before: deque[str] = deque(maxlen=_CONTEXT_LINES)

    def highlight(self, source: str) -> Text:
        """Return a complete line, and remember it for the lines after it."""
        text = self.preview(source)
        self._before.append(text.plain)
        return text

    def preview(self, source: str) -> Text:
        """Return a line that may still grow."""
        source = strip_controls(source).expandtabs(4)
        if self._lexer is None:
            return Text(source, end="")
        context = "\n".join([*self._before, source]) + "\n"
        start = len(context) - len(source) - 1
        text, at = Text(end=""), 0
        for kind, piece in self._lexer.get_tokens(context):
            shown = piece[max(0, start - at) :].rstrip("\n")
            at += len(piece)
            if shown:
                text.append(shown, _style_of(str(kind)))
        return text if text.plain == source else Text(source, end="")


def _style_of(kind: str) -> Style | None:
    return next((style for name, style in _STYLES if kind.startswith(name)), None)


def _find_lexer(language: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=True) if language else None
    except ClassNotFound:
        return None
