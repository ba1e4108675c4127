"""Code, line by line in colours: a line is printed when it is whole, and never again."""

from collections import deque
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from qwen_chat.text import strip_controls

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_KNOWN = 12
"""Lines before one that its colours may depend on: more would cost more at every line."""

_COLOURS = (
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


class CodeLines:
    """Colours the lines of one fence; an unknown language stays plain."""

    def __init__(self, language: str) -> None:
        self._lexer = _lexer(language)
        self._before: deque[str] = deque(maxlen=_KNOWN)

    def line(self, source: str) -> Text:
        """Return a whole line, and remember it for the next ones."""
        text = self.peek(source)
        self._before.append(text.plain)
        return text

    def peek(self, source: str) -> Text:
        """Return a line that may grow."""
        source = strip_controls(source).expandtabs(4)
        if self._lexer is None:
            return Text(source, end="")
        whole = "\n".join([*self._before, source]) + "\n"
        skipped = len(whole) - len(source) - 1
        text, at = Text(end=""), 0
        for kind, piece in self._lexer.get_tokens(whole):
            shown = piece[max(0, skipped - at) :].rstrip("\n") if at + len(piece) > skipped else ""
            at += len(piece)
            if shown:
                text.append(shown, _style(str(kind)))
        return text if text.plain == source else Text(source, end="")


def _style(kind: str) -> Style | None:
    return next((style for name, style in _COLOURS if kind.startswith(name)), None)


def _lexer(language: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=True) if language else None
    except ClassNotFound:
        return None
