"""An answer on the screen as it comes: what is printed is printed once and never drawn again."""

import shutil
import time
from typing import Literal, Protocol, TextIO

from rich.text import Text

from qwen_chat.message import Delta, Prefill
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.interrupt import stopping
from qwen_chat.terminal.output.live_region import Tail
from qwen_chat.terminal.output.plain import Notice, Raw, Sentences
from qwen_chat.terminal.output.reasoning_view import FoldedThoughts, ThoughtsWindow
from qwen_chat.terminal.output.render import Rendered
from qwen_chat.text import plural, strip_controls

Look = Literal["markdown", "plain", "spoken"]
"""How an answer is shown: as Markdown with styles, as it is written, or in sentences for a screen reader."""

_PATIENCE_SECONDS = 1.0
_IDLE_SECONDS = 0.1


def show(turn: Turn, stdout: TextIO, *, look: Look, hide_thinking: bool = False, status: str = "") -> None:
    """Print a turn to its end; Ctrl-C stops it, and what there is of the answer stays.

    Markdown has a line about what is waited for: `status` at first, then those who are answered before, then
    the reading of a long prompt.
    """
    printer = _Printer(stdout, look, hide_thinking=hide_thinking)
    with stopping(turn):
        try:
            printer.go_on_from(turn.message_before.content)
            if status:
                printer.wait_for(status)
            for delta in turn.watch(_IDLE_SECONDS):
                printer.add(delta)
        finally:
            printer.close()


class _Writer(Protocol):
    """What prints one kind of text, reasoning or answer."""

    def feed(self, text: str) -> None: ...

    def close(self) -> None: ...


class _Printer:
    def __init__(self, stdout: TextIO, look: Look, *, hide_thinking: bool) -> None:
        self._stdout = stdout
        self._look = look
        self._hide_thinking = hide_thinking
        self._tail = Tail(stdout, shutil.get_terminal_size)
        self._writer: _Writer | None = None
        self._thinks = self._waits = False
        self._blank: dict[bool, str] = {}
        self._started = time.monotonic()

    def add(self, delta: Delta) -> None:
        if delta.waiting is not None:
            self.wait_for(f"waiting: {plural(delta.waiting, 'answer')} before this one")
        if delta.prefill is not None:
            self._progress(delta.prefill)
        if delta.reasoning:
            self._write(strip_controls(delta.reasoning), reasoning=True)
        if delta.text:
            self._write(strip_controls(delta.text), reasoning=False)
        if self._writer is not None and not (delta.reasoning or delta.text):
            self._writer.feed("")  # what came last may not be on the screen
        self._stdout.flush()

    def close(self) -> None:
        self._end_writer()
        self._stdout.flush()

    def go_on_from(self, text: str) -> None:
        """Show where an answer goes on: the last line of what there is."""
        if text:
            self._writer = answer = self._answer()
            answer.go_on_from(strip_controls(text))

    def wait_for(self, status: str) -> None:
        if self._look == "markdown" and self._writer is None:
            self._tail.draw([], [Text(strip_controls(status), "dim", end="")])
            self._waits = True

    def _progress(self, prefill: Prefill) -> None:
        if prefill.done < prefill.total and time.monotonic() - self._started > _PATIENCE_SECONDS:
            self.wait_for(f"reading {prefill.done:,} of {prefill.total:,} tokens")

    def _write(self, text: str, *, reasoning: bool) -> None:
        if self._writer is None or reasoning != self._thinks:
            # Templates put blank lines between the two, and around reasoning that is none.
            text = self._blank.get(reasoning, "") + text
            if not text.strip():
                self._blank[reasoning] = text
                return
            self._end_writer()
            self._blank.clear()
            self._thinks = reasoning
            self._writer = self._thoughts() if reasoning else self._answer()
        self._writer.feed(text)

    def _end_writer(self) -> None:
        if self._waits:
            self._tail.draw([], [])
            self._waits = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _answer(self) -> Rendered | Raw | Sentences:
        if self._look == "markdown":
            return Rendered(self._tail)
        return Raw(self._stdout) if self._look == "plain" else Sentences(self._stdout)

    def _thoughts(self) -> _Writer:
        if self._look == "markdown":
            return ThoughtsWindow(self._tail, hidden=self._hide_thinking)
        if self._hide_thinking:
            return FoldedThoughts(self._stdout)
        return Raw(self._stdout) if self._look == "plain" else Notice(self._stdout, "thinking ...")
