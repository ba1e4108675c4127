"""Tokens as coloured boxes: neighbours differ in colour, control tokens stand out."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.commands.table import TokenView
from qwen_chat.message import Token
from qwen_chat.text import strip_controls

_BOXES = ("#000000 on #a9c7ea", "#000000 on #a8d5ba")
_CONTROL = "bold #ffffff on #7a3fd0"
_HALF = "\ufffd"


def draw(view: TokenView, console: Console, *, plain: bool) -> None:
    """Print tokens under their headings; without colours, bars stand between them."""
    for heading, tokens in view.stretches:
        if heading:
            console.print(Text(strip_controls(heading), style="" if plain else "bold"))
        if view.detailed:
            console.print(_table(tokens, plain=plain))
        else:
            console.print(_barred(tokens) if plain else _boxed(tokens))


def _boxed(tokens: Sequence[Token]) -> Text:
    text = Text()
    for number, (shown, token) in enumerate(_readable(tokens)):
        text.append(_visible(shown), style=_CONTROL if token.control else _BOXES[number % 2])
        if "\n" in shown:
            text.append("\n")
    return text


def _barred(tokens: Sequence[Token]) -> Text:
    parts = [f"⟦{shown}⟧" if token.control else shown for shown, token in _readable(tokens)]
    return Text("|".join(strip_controls(part) for part in parts))


def _table(tokens: Sequence[Token], *, plain: bool) -> Table:
    table = Table(box=None, header_style="" if plain else "dim")
    for name, side in (("token", "right"), ("id", "right"), ("text", "left"), ("bytes", "left")):
        table.add_column(name, justify="left" if side == "left" else "right", overflow="fold")
    for number, (shown, token) in enumerate(_readable(tokens), 1):
        style = "" if plain else _CONTROL if token.control else _BOXES[number % 2]
        name = f"⟦{shown}⟧" if token.control else _visible(shown)
        table.add_row(str(number), str(token.id), Text(name, style=style), token.bytes.hex(" "))
    return table


def _readable(tokens: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    """Yield the text of each token; a part of a character is shown by its bytes."""
    for token in tokens:
        text = token.bytes.decode(errors="replace")
        yield ("".join(f"\\x{byte:02x}" for byte in token.bytes) if _HALF in text else text), token


def _visible(text: str) -> str:
    return strip_controls(text.replace("\n", "⏎").replace("\t", "⇥"))
