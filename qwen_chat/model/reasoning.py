"""Parts a stream of text into reasoning, between <think> and </think> at its start, and the answer."""

from collections.abc import Iterator
from typing import Literal

from qwen_chat.message import Delta, Message
from qwen_chat.model.held import overlap

OPEN, CLOSE = "<think>", "</think>"


def splitter(before: Message | None, *, thinks: bool, opened: bool) -> "ReasoningSplitter":
    """Return what parts an answer begun with `before`; `opened` when the prompt opens the reasoning."""
    if not thinks or (before is not None and before.content):
        return ReasoningSplitter("answer")
    if before is not None and before.reasoning:
        return ReasoningSplitter("reasoning", reasoned=True)
    return ReasoningSplitter("reasoning" if opened else "start")


class ReasoningSplitter:
    """Takes text as it comes and gives (text, reasoning) pieces; a later `<think>` in prose stays text.

    It begins in the state "reasoning" when the tag is opened already, in "answer" for a model that never
    reasons; `reasoned` tells that some of the reasoning came before.
    """

    def __init__(
        self, state: Literal["start", "reasoning", "answer"] = "start", *, reasoned: bool = False
    ) -> None:
        self._state: Literal["start", "reasoning", "gap", "answer"] = state
        self._held = ""
        self._reasoned = reasoned

    @property
    def between(self) -> bool:
        """Whether the reasoning is closed and the answer has yet to begin."""
        return self._state == "gap"

    def deltas(self, text: str) -> Iterator[Delta]:
        """Yield what is certain so far, as an answer's deltas."""
        for piece, reasoning in self.feed(text):
            yield Delta(piece, reasoning)

    def rest(self) -> Iterator[Delta]:
        """Yield what was held back, as an answer's deltas."""
        for piece, reasoning in self.flush():
            yield Delta(piece, reasoning)

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield what is certain so far."""
        self._held += text
        if self._state == "start":
            self._leave_start()
        if self._state == "reasoning":
            yield from self._reason()
        elif self._state == "gap":
            self._leave_gap()
        if self._state == "answer" and self._held:
            yield self._held, ""
            self._held = ""

    def flush(self) -> Iterator[tuple[str, str]]:
        """Yield what was held back, at the end of the stream."""
        held, self._held = self._held, ""
        if held:
            yield ("", held) if self._state == "reasoning" else (held, "")

    def _leave_start(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(OPEN):
            self._state, self._held = "reasoning", begun.removeprefix(OPEN)
        elif begun and not OPEN.startswith(begun):
            self._state = "answer"

    def _reason(self) -> Iterator[tuple[str, str]]:
        if not self._reasoned:
            self._held = self._held.lstrip("\n")
            self._reasoned = bool(self._held)
        before, close, after = self._held.partition(CLOSE)
        if close:
            self._state, self._held = "gap", after
            self._leave_gap()
            if before.rstrip("\n"):
                yield "", before.rstrip("\n")
            return
        sure = len(before) - overlap(before, CLOSE)
        # Line ends before the closing tag are part of the tag's own line.
        sure = len(before[:sure].rstrip("\n"))
        self._held = before[sure:]
        if sure:
            yield "", before[:sure]

    def _leave_gap(self) -> None:
        self._held = self._held.lstrip("\n")
        if self._held:
            self._state = "answer"
