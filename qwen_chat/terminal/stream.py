"""An answer on the screen as it comes: what is printed is printed once and never drawn again."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from qwen_chat.message import Delta, Prefill
from qwen_chat.terminal.interrupt import stopping
from qwen_chat.terminal.render import Rendered
from qwen_chat.terminal.text import printable
from qwen_chat.turn import Turn

_PATIENCE_SECONDS = 1.0
_DIM, _PLAIN, _ERASE_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"


@contextmanager
def silent_keys() -> Iterator[None]:
    """Keep what is typed during an answer off the screen; it waits for the next prompt."""
    try:
        import termios

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (ImportError, OSError, ValueError):  # no Unix, or no terminal
        yield
        return
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def show(turn: Turn, stdout: TextIO, *, fancy: bool, status: str = "") -> None:
    """Print a turn to its end; Ctrl-C stops it, and what there is of the answer stays.

    `fancy` allows styles, Markdown, and a line about what is waited for: `status` at first, then the
    reading of a long prompt.
    """
    printer = _Printer(stdout, fancy=fancy)
    with stopping(turn), silent_keys():
        printer.go_on_from(turn.begun.content)
        if status:
            printer.wait_for(status)
        for delta in turn:
            printer.add(delta)
        printer.close()


class _Printer:
    def __init__(self, stdout: TextIO, *, fancy: bool) -> None:
        self._stdout = stdout
        self._fancy = fancy
        self._rendered = Rendered(stdout, shutil.get_terminal_size) if fancy else None
        self._started = time.monotonic()
        self._last = "\n"
        self._status = self._going_on = False
        self._reasoning = False

    def add(self, delta: Delta) -> None:
        if delta.prefill is not None:
            self._progress(delta.prefill)
        if delta.reasoning:
            self._write(delta.reasoning, reasoning=True)
        if delta.text:
            self._write(delta.text, reasoning=False)
        self._stdout.flush()

    def close(self) -> None:
        self._erase_status()
        self._switch(reasoning=False)
        if self._rendered is not None:
            self._rendered.close()
        if self._last != "\n":
            self._stdout.write("\n")
        self._stdout.flush()

    def _write(self, text: str, *, reasoning: bool) -> None:
        if not (text := printable(text)):
            return
        self._erase_status()
        self._switch(reasoning=reasoning)
        if self._rendered is not None and not reasoning:
            self._rendered.feed(text)
            return
        self._stdout.write(text)
        self._last = text[-1]

    def _switch(self, *, reasoning: bool) -> None:
        if reasoning == self._reasoning:
            return
        self._reasoning = reasoning
        if self._fancy:
            self._stdout.write(_DIM if reasoning else _PLAIN)
        if not reasoning and self._last != "\n":
            self._stdout.write("\n")
            self._last = "\n"

    def go_on_from(self, text: str) -> None:
        """Show where an answer goes on: the last line of what there is."""
        self._going_on = bool(text)
        if not text:
            return
        if self._rendered is not None:
            self._rendered.go_on_from(printable(text))
            return
        last = printable(text).rpartition("\n")[2]
        self._stdout.write(last)
        self._last = last[-1:] or "\n"

    def wait_for(self, status: str) -> None:
        if self._fancy and not self._going_on:
            self._stdout.write(f"{_ERASE_LINE}{_DIM}{printable(status)}{_PLAIN}")
            self._stdout.flush()
            self._status = True

    def _progress(self, prefill: Prefill) -> None:
        if prefill.done < prefill.total and time.monotonic() - self._started > _PATIENCE_SECONDS:
            self.wait_for(f"reading {prefill.done:,} of {prefill.total:,} tokens")

    def _erase_status(self) -> None:
        if self._status:
            self._stdout.write(_ERASE_LINE)
            self._status = False
