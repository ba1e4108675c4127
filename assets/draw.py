"""Draws the pictures of the README from real runs of the chat: `python assets/draw.py`."""

import html
import io
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pyte
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "helpers"))

from driver import Terminal  # noqa: E402 - the tests' own terminal

from qwen_chat.model.processors import usable_cores  # noqa: E402

# pyte has no dim text; nothing here blinks.
pyte.graphics.TEXT[2] = "+blink"

PICTURES = {
    "terminal": (
        "What is the capital of France?",
        "And of Italy?",
        "Write a Python function that adds two numbers, then explain it.",
    ),
    "tree": (
        "What is the capital of France?",
        "And of Italy?",
        "/retry",
        "/alt 3",
        "/alt 3 2",
        "/fork 2",
        "And of Spain?",
        "/branches",
    ),
    "tokens": ("Translate to Chinese: good morning", "/prompt", "/tokens <|im_end|> 早上好 🦜"),
}
"""What is typed for each picture; the first screen of the chat is drawn once."""

_NAMES = {*pyte.graphics.FG.values(), *pyte.graphics.FG_AIXTERM.values()}
COLOURS = {"brown": "yellow"}
"""pyte's names that rich does not know."""


_TEXT = re.compile(r'textLength="([\d.]+)"([^>]*)>([^<]*)<')

_READING_SECONDS = 5
"""A person reads the first screen before they type; meanwhile the model is loaded."""


def main() -> None:
    """Talk, and draw what the screen shows."""
    for name, lines in PICTURES.items():
        svg = _talk(lines)
        # The font of whoever looks is good enough; a picture asks no other host for one.
        svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
        svg = _TEXT.sub(_widen, svg)
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


def _talk(lines: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory() as home:
        places = {f"XDG_{kind}_HOME": home for kind in ("CONFIG", "DATA", "STATE")}
        places["QWEN_CHAT_THREADS"] = str(usable_cores())
        chat = Terminal("--seed", "7", "--max-new-tokens", "90", size=(44, 100), environ=places)
        chat.ready()
        time.sleep(_READING_SECONDS)
        for line in lines:
            chat.say(line)
        console = Console(record=True, width=100, file=io.StringIO())
        for row in range(chat.screen.cursor.y + 1):
            console.print(_line(chat, row))
        chat.leave()
    return console.export_svg(title="make chat")


def _widen(found: re.Match[str]) -> str:
    """Return a piece of the picture with the width of its characters: rich counts each as one cell."""
    length, attributes, escaped = found.groups()
    text = html.unescape(escaped)
    width = float(length) / len(text) * cell_len(text) if text else 0.0
    return f'textLength="{width:g}"{attributes}>{escaped}<'


def _line(chat: Terminal, row: int) -> Text:
    cells = [chat.screen.buffer[row][column] for column in range(chat.screen.columns)]
    text = Text()
    for style, run in groupby(cells, key=_style):
        text.append("".join(cell.data for cell in run), style)
    text.rstrip()
    return text


def _style(cell: pyte.screens.Char) -> Style:
    colours = {"color": _colour(cell.fg), "bgcolor": _colour(cell.bg)}
    return Style(bold=cell.bold, dim=cell.blink, **colours)


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if name not in _NAMES and len(name) == 6:
        return f"#{name}"
    return COLOURS.get(name, name.replace("bright", "bright_"))


if __name__ == "__main__":
    main()
