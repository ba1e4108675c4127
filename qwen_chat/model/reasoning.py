"""Splits a stream of text into the reasoning at its start, between marks such as <think>, and the answer."""

from collections.abc import Iterator
from typing import Literal

from qwen_chat.message import Delta, Message
from qwen_chat.model.reasoning_marks import THINK, ReasoningMarks


def partial_match_length(text: str, mark: str) -> int:
    """Return how many characters at the end of `text` could be the beginning of `mark`."""
    return next((n for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), 0)


def make_splitter(
    partial_answer: Message | None, marks: ReasoningMarks | None, *, reasoning_open: bool
) -> "ReasoningSplitter":
    """Return a splitter for the rest of an answer; `reasoning_open` says that the prompt opens the reasoning.

    A model without marks does not reason.
    """
    if marks is None or (partial_answer is not None and partial_answer.content):
        return ReasoningSplitter("answer")
    if partial_answer is not None and partial_answer.reasoning:
        return ReasoningSplitter("reasoning", marks, has_reasoning=True)
    return ReasoningSplitter("reasoning" if reasoning_open else "start", marks)


class ReasoningSplitter:
    """Takes text as it comes and gives (text, reasoning) pieces; a later `<think>` in prose stays text.

    It starts in the state "reasoning" when the tag is open already, in "answer" for a model that never
    reasons; `has_reasoning` says that some of the reasoning came earlier.
    """

    def __init__(
        self,
        state: Literal["start", "reasoning", "answer"] = "start",
        marks: ReasoningMarks = THINK,
        *,
        has_reasoning: bool = False,
    ) -> None:
        self.marks = marks
        self._state: Literal["start", "reasoning", "gap", "answer"] = state
        self._held = ""
        self._has_reasoning = has_reasoning

    @property
    def state(self) -> Literal["start", "reasoning", "gap", "answer"]:
        """What the text so far has come to."""
        return self._state

    @property
    def in_gap(self) -> bool:
        """Whether the reasoning is closed and the answer has not begun."""
        return self._state == "gap"

    def feed_deltas(self, text: str) -> Iterator[Delta]:
        """Take text, and yield as deltas what is certain so far."""
        for piece, reasoning in self.feed(text):
            yield Delta(piece, reasoning)

    def flush_deltas(self) -> Iterator[Delta]:
        """Yield what was held back, as deltas."""
        for piece, reasoning in self.flush():
            yield Delta(piece, reasoning)

    def feed(self, text: str) -> Iterator[tuple[str, str]]:
        """Take text, and yield what is certain so far."""
        self._held += text
        if self._state == "start":
            self._leave_start()
        if self._state == "reasoning":
            yield from self._read_reasoning()
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

    def split(self, text: str) -> tuple[str, str]:
        """Return the answer and the reasoning of a whole text."""
        pieces = [*self.feed(text), *self.flush()]
        return "".join(answer for answer, _ in pieces), "".join(reasoning for _, reasoning in pieces)

    def _leave_start(self) -> None:
        begun = self._held.lstrip()
        opening, bare = self.marks.opening, self.marks.bare_opening
        if begun.startswith(opening):
            self._state, self._held = "reasoning", begun.removeprefix(opening)
        elif bare and begun.startswith(bare):
            self._state, self._held = "answer", begun.removeprefix(bare)
        elif begun and not (opening.startswith(begun) or bare.startswith(begun)):
            self._state = "answer"

    def _read_reasoning(self) -> Iterator[tuple[str, str]]:
        if not self._has_reasoning:
            self._held = self._held.lstrip("\n")
            self._has_reasoning = bool(self._held)
        before, close, after = self._held.partition(self.marks.closing)
        if close:
            self._state, self._held = "gap", after
            self._leave_gap()
            certain = before.rstrip("\n")
        else:
            certain = _certain_reasoning(before, self.marks.closing)
            self._held = before[len(certain) :]
        if certain:
            yield "", certain

    def _leave_gap(self) -> None:
        self._held = self._held.lstrip("\n")
        if self._held:
            self._state = "answer"


def _certain_reasoning(text: str, closing: str) -> str:
    """Return the part of a text that cannot belong to the closing tag, or to the line ends before it."""
    return text[: len(text) - partial_match_length(text, closing)].rstrip("\n")
