"""Draws assets/terminal.svg from a real run of the chat: `python assets/draw.py`."""

import io
import re
import sys
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from driver import Terminal  # noqa: E402 - the tests' own terminal

# pyte has no dim text; nothing here blinks.
pyte.graphics.TEXT[2] = "+blink"

LINES = (
    "What is the capital of France?",
    "And of Italy?",
    "/undo",
    "/prompt",
    "/role pirate",
    "Who are you?",
)


def main() -> None:
    """Talk, and draw what the screen shows."""
    chat = Terminal("--seed", "7", "--max-new-tokens", "60", size=(34, 100))
    chat.ready()
    for line in LINES:
        chat.say(line)
    console = Console(record=True, width=100, file=io.StringIO())
    for row in range(chat.screen.cursor.y + 1):
        console.print(_line(chat, row))
    chat.leave()
    svg = console.export_svg(title="make chat")
    # The font of whoever looks is good enough; a picture asks no other host for one.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (HERE / "terminal.svg").write_text(svg, encoding="utf-8")


def _line(chat: Terminal, row: int) -> Text:
    cells = [chat.screen.buffer[row][column] for column in range(chat.screen.columns)]
    text = Text()
    for (bold, dim), run in groupby(cells, key=lambda cell: (cell.bold, cell.blink)):
        text.append("".join(cell.data for cell in run), Style(bold=bold, dim=dim))
    text.rstrip()
    return text


if __name__ == "__main__":
    main()
