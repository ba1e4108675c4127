"""An answer on the screen while the model writes it; finished text is printed once and never drawn again."""

import shutil
import time
from typing import Literal, Protocol, TextIO

from rich.text import Text

from qwen_chat.message import Delta, Prefill
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.interrupt import stop_on_interrupt
from qwen_chat.terminal.output.live_region import LiveRegion
from qwen_chat.terminal.output.markdown_writer import MarkdownWriter
from qwen_chat.terminal.output.plain import NoticeWriter, PlainWriter, SentenceWriter
from qwen_chat.terminal.output.reasoning_view import ReasoningSummaryWriter, ReasoningWindow
from qwen_chat.text import plural, strip_controls

DisplayStyle = Literal["markdown", "plain", "spoken"]
"""How an answer is shown: as formatted Markdown, as raw text, or in sentences for a screen reader."""

_PREFILL_NOTICE_SECONDS = 1.0
_REDRAW_SECONDS = 0.1


def show_turn(
    turn: Turn, stdout: TextIO, *, style: DisplayStyle, hide_thinking: bool = False, status: str = ""
) -> None:
    """Print a turn until it ends; Ctrl-C stops it, and the partial answer stays.

    In Markdown a status line shows what the turn waits for: `status` at first, then its place in the queue,
    then how much of a long prompt has been read.
    """
    printer = _TurnPrinter(stdout, style, hide_thinking=hide_thinking)
    with stop_on_interrupt(turn):
        try:
            printer.resume_from(turn.message_before.content)
            if status:
                printer.show_status(status)
            for delta in turn.watch(_REDRAW_SECONDS):
                printer.add(delta)
        finally:
            printer.close()


class _TextWriter(Protocol):
    """Prints one kind of text: reasoning or answer."""

    def feed(self, text: str) -> None: ...

    def close(self) -> None: ...


class _TurnPrinter:
    """Passes each delta to the writer of its kind, and closes that writer where the kind changes."""

    def __init__(self, stdout: TextIO, style: DisplayStyle, *, hide_thinking: bool) -> None:
        self._stdout = stdout
        self._style = style
        self._hide_thinking = hide_thinking
        self._region = LiveRegion(stdout, shutil.get_terminal_size)
        self._writer: _TextWriter | None = None
        self._writes_reasoning = self._has_status = False
        self._leading_blanks: dict[bool, str] = {}
        self._started = time.monotonic()

    def add(self, delta: Delta) -> None:
        if delta.waiting is not None:
            self.show_status(f"waiting: {plural(delta.waiting, 'answer')} before this one")
        if delta.prefill is not None:
            self._show_prefill(delta.prefill)
        if delta.reasoning:
            self._write(strip_controls(delta.reasoning), reasoning=True)
        if delta.text:
            self._write(strip_controls(delta.text), reasoning=False)
        if self._writer is not None and not (delta.reasoning or delta.text):
            self._writer.feed("")  # draws text that came too soon after the last drawing
        self._stdout.flush()

    def close(self) -> None:
        self._close_writer()
        self._stdout.flush()

    def resume_from(self, text: str) -> None:
        """Show the last line of the text that the answer continues."""
        if text:
            self._writer = answer = self._create_answer_writer()
            answer.resume_from(strip_controls(text))

    def show_status(self, status: str) -> None:
        if self._style == "markdown" and self._writer is None:
            self._region.draw([], [Text(strip_controls(status), "dim", end="")])
            self._has_status = True

    def _show_prefill(self, prefill: Prefill) -> None:
        is_long = time.monotonic() - self._started > _PREFILL_NOTICE_SECONDS
        if is_long and prefill.done < prefill.total:
            self.show_status(f"reading {prefill.done:,} of {prefill.total:,} tokens")

    def _write(self, text: str, *, reasoning: bool) -> None:
        if self._writer is None or reasoning != self._writes_reasoning:
            # Chat templates put blank lines between reasoning and answer, and around empty reasoning.
            text = self._leading_blanks.get(reasoning, "") + text
            if not text.strip():
                self._leading_blanks[reasoning] = text
                return
            self._switch_writer(reasoning=reasoning)
        assert self._writer is not None  # noqa: S101 - for the type checker
        self._writer.feed(text)

    def _switch_writer(self, *, reasoning: bool) -> None:
        self._close_writer()
        self._leading_blanks.clear()
        self._writes_reasoning = reasoning
        self._writer = self._create_reasoning_writer() if reasoning else self._create_answer_writer()

    def _close_writer(self) -> None:
        if self._has_status:
            self._region.draw([], [])
            self._has_status = False
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _create_answer_writer(self) -> MarkdownWriter | PlainWriter | SentenceWriter:
        if self._style == "markdown":
            return MarkdownWriter(self._region)
        return PlainWriter(self._stdout) if self._style == "plain" else SentenceWriter(self._stdout)

    def _create_reasoning_writer(self) -> _TextWriter:
        if self._style == "markdown":
            return ReasoningWindow(self._region, hidden=self._hide_thinking)
        if self._hide_thinking:
            return ReasoningSummaryWriter(self._stdout)
        if self._style == "plain":
            return PlainWriter(self._stdout)
        return NoticeWriter(self._stdout, "thinking ...")
