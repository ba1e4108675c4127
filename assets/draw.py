"""Draws assets/terminal.svg from a real run of the chat: `python assets/draw.py`."""

import sys
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

LINES = ("What is the capital of France?", "And of Italy?", "/undo", "/role pirate", "Who are you?", "/stats")


def main() -> None:
    """Talk, and draw what the screen shows."""
    chat = Terminal("--seed", "7", "--max-new-tokens", "60", size=(34, 100))
    chat.ready()
    for line in LINES:
        chat.say(line)
    console = Console(record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    for row in range(chat.screen.cursor.y + 1):
        console.print(_line(chat, row))
    chat.leave()
    console.save_svg(str(HERE / "terminal.svg"), title="make chat")


def _line(chat: Terminal, row: int) -> Text:
    cells = chat.screen.buffer[row]
    text = Text()
    for column in range(chat.screen.columns):
        cell = cells[column]
        text.append(cell.data, Style(bold=cell.bold, dim=cell.blink))
    text.rstrip()
    return text


if __name__ == "__main__":
    main()
