"""Draws tokens as coloured boxes: neighbours differ in colour, control tokens stand out."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.commands.result import TokenListing
from qwen_chat.message import Token
from qwen_chat.text import strip_controls

_BOXES = ("#000000 on #a9c7ea", "#000000 on #a8d5ba")
_CONTROL = "bold #ffffff on #7a3fd0"
_REPLACEMENT = "\ufffd"


def draw_tokens(view: TokenListing, console: Console, *, plain: bool) -> None:
    """Print tokens under their headings; without colours, bars separate them."""
    for heading, tokens in view.sections:
        if heading:
            console.print(Text(strip_controls(heading), style="" if plain else "bold"))
        if view.detailed:
            console.print(_build_table(tokens, plain=plain))
        else:
            console.print(_format_bars(tokens) if plain else _format_boxes(tokens))


def _format_boxes(tokens: Sequence[Token]) -> Text:
    text = Text()
    for number, (shown, token) in enumerate(_decode_each(tokens)):
        text.append(_show_whitespace(shown), style=_CONTROL if token.control else _BOXES[number % 2])
        if "\n" in shown:
            text.append("\n")
    return text


def _format_bars(tokens: Sequence[Token]) -> Text:
    parts = [f"⟦{shown}⟧" if token.control else shown for shown, token in _decode_each(tokens)]
    return Text("|".join(strip_controls(part) for part in parts))


def _build_table(tokens: Sequence[Token], *, plain: bool) -> Table:
    table = Table(box=None, header_style="" if plain else "dim")
    for name, side in (("token", "right"), ("id", "right"), ("text", "left"), ("bytes", "left")):
        table.add_column(name, justify="left" if side == "left" else "right", overflow="fold")
    for number, (shown, token) in enumerate(_decode_each(tokens), 1):
        style = "" if plain else _CONTROL if token.control else _BOXES[number % 2]
        name = f"⟦{shown}⟧" if token.control else _show_whitespace(shown)
        table.add_row(str(number), str(token.id), Text(name, style=style), token.bytes.hex(" "))
    return table


def _decode_each(tokens: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    """Yield the text of each token; the bytes of a token that is part of a character are escaped."""
    for token in tokens:
        text = token.bytes.decode(errors="replace")
        yield ("".join(f"\\x{byte:02x}" for byte in token.bytes) if _REPLACEMENT in text else text), token


def _show_whitespace(text: str) -> str:
    return strip_controls(text.replace("\n", "⏎").replace("\t", "⇥"))
