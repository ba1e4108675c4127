"""Renders an answer as HTML while it is written.

A finished block is sent once, and of the open block what changed: bytes and work grow with the length of the
answer, not with its square.
"""

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from qwen_chat.session.turn import Turn
from qwen_chat.text import strip_controls

_MAX_REDRAWN = 20_000
"""Characters of an open block that are rendered again at each change; a longer block is rendered in steps."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of a text on a page: add the finished blocks, keep a part of the open block, add the rest.

    `keep` is the length of that part in UTF-16 units, as JavaScript counts.
    """

    closed: str
    keep: int
    add: str


class SentState:
    """How much of a growing text a page has received."""

    def __init__(self) -> None:
        self.blocks = 0
        self.open = ""


class GrowingText:
    """Markdown that grows, rendered as HTML."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._open = ""
        self._source = ""
        self._drawn = 0

    def feed(self, text: str) -> None:
        """Add to the text."""
        self._source += strip_controls(text)

    def draw(self) -> None:
        """Render what was added; a very long open block waits until it has grown by a twentieth."""
        from qwen_chat.export.markdown_html import to_split_body

        grown = len(self._source) - self._drawn
        if not grown or (self._drawn > _MAX_REDRAWN and grown < self._drawn // 20):
            return
        split = to_split_body(self._source)
        if split.closed:
            self._blocks.append(split.closed)
        self._open = split.open
        self._source = self._source[split.start :]
        self._drawn = len(self._source)

    def patch(self, sent: SentState) -> Patch | None:
        """Return what a page lacks, or None when it lacks nothing, and note in `sent` that it was sent."""
        closed = "".join(self._blocks[sent.blocks :])
        if not closed and sent.open == self._open:
            return None
        same = "" if closed else _common_prefix(sent.open, self._open)
        sent.blocks, sent.open = len(self._blocks), self._open
        return Patch(closed, len(same.encode("utf-16-le")) // 2, self._open[len(same) :])


class LiveAnswer:
    """An answer that is being written, rendered once for all pages that show it."""

    def __init__(self, turn: Turn) -> None:
        self.answer, self.thought = GrowingText(), GrowingText()
        self.answer.feed(turn.message_before.content)
        self.thought.feed(turn.message_before.reasoning)
        self.pieces = 0
        """The number of deltas of the answer: about its tokens."""
        self.status = "loading"
        self.read = (0, 0)
        """The tokens of the prompt that are read, and all tokens of the prompt."""
        self._turn = turn
        self._at = 0
        self.lock = Lock()

    def draw(self) -> None:
        """Add the deltas that came since the last call, and render them."""
        fresh = self._turn.deltas_from(self._at)
        self._at += len(fresh)
        for delta in fresh:
            if delta.prefill is not None:
                self.status, self.read = "reading", (delta.prefill.done, delta.prefill.total)
            if delta.waiting is not None:
                self.status, self.read = "waiting", (delta.waiting, delta.waiting)
            if delta.reasoning:
                self.thought.feed(delta.reasoning)
            if delta.text:
                self.answer.feed(delta.text)
            if delta.reasoning or delta.text:
                self.status = "writing" if delta.text else "thinking"
                self.pieces += 1
        self.thought.draw()
        self.answer.draw()


def _common_prefix(before: str, now: str) -> str:
    """Return the longest text that both begin with."""
    shorter = min(len(before), len(now))
    if before[:shorter] == now[:shorter]:
        return now[:shorter]
    return now[: next(at for at in range(shorter) if before[at] != now[at])]


_LIVE_ANSWERS: WeakKeyDictionary[Turn, LiveAnswer] = WeakKeyDictionary()
_LOCK = Lock()


def live_answer_of(turn: Turn) -> LiveAnswer:
    """Return the live answer of a turn, the same for all pages that show it."""
    with _LOCK:
        if turn not in _LIVE_ANSWERS:
            _LIVE_ANSWERS[turn] = LiveAnswer(turn)
        return _LIVE_ANSWERS[turn]
