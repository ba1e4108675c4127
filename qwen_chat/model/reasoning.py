"""Parts a stream of text into reasoning, between <think> and </think> at its start, and the answer."""

from collections.abc import Iterator

OPEN, CLOSE = "<think>", "</think>"


class ReasoningSplitter:
    """Takes text as it comes and gives (text, reasoning) pieces; a later `<think>` in prose stays text."""

    def __init__(self, *, thinking: bool = False) -> None:
        self._state = "reasoning" if thinking else "start"
        self._held = ""
        self._reasoned = False

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
        sure = len(before) - _overlap(before, CLOSE)
        # Line ends before the closing tag are part of the tag's own line.
        sure = len(before[:sure].rstrip("\n"))
        self._held = before[sure:]
        if sure:
            yield "", before[:sure]

    def _leave_gap(self) -> None:
        self._held = self._held.lstrip("\n")
        if self._held:
            self._state = "answer"


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of `text` could begin `tag`."""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
