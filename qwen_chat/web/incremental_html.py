"""An answer as HTML while it is written: a finished block is sent once, and of the open one what changed.

So bytes and work grow with the answer, not with its square.
"""

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from qwen_chat.session.turn import Turn
from qwen_chat.text import strip_controls

_LONGEST_OPEN = 20_000
"""Characters of an open block that are drawn again at each change; a longer one is drawn in steps."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What to do to a text on a page: add the finished blocks, then keep so much of the open one and add.

    `keep` counts as JavaScript does, in UTF-16 units.
    """

    closed: str
    keep: int
    add: str


class Sent:
    """What of a growing text a page has."""

    def __init__(self) -> None:
        self.blocks = 0
        self.open = ""


class GrowingText:
    """Markdown that grows, as HTML."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._open = ""
        self._source = ""
        self._drawn = 0

    def feed(self, text: str) -> None:
        """Take more of the text."""
        self._source += strip_controls(text)

    def draw(self) -> None:
        """Bring the HTML up to the text; a very long block waits until it has grown by a part of itself."""
        from qwen_chat.export.markdown_html import to_split_body

        grown = len(self._source) - self._drawn
        if not grown or (self._drawn > _LONGEST_OPEN and grown < self._drawn // 20):
            return
        split = to_split_body(self._source)
        if split.closed:
            self._blocks.append(split.closed)
        self._open = split.open
        self._source = self._source[split.start :]
        self._drawn = len(self._source)

    def patch(self, sent: Sent) -> Patch | None:
        """Return what brings a page up to date, or None when it is; `sent` is brought up to date, too."""
        closed = "".join(self._blocks[sent.blocks :])
        if not closed and sent.open == self._open:
            return None
        same = "" if closed else _common(sent.open, self._open)
        sent.blocks, sent.open = len(self._blocks), self._open
        return Patch(closed, len(same.encode("utf-16-le")) // 2, self._open[len(same) :])


class Writing:
    """An answer that is being written, drawn once for all who watch it."""

    def __init__(self, turn: Turn) -> None:
        self.answer, self.thought = GrowingText(), GrowingText()
        self.answer.feed(turn.message_before.content)
        self.thought.feed(turn.message_before.reasoning)
        self.pieces = 0
        """How many pieces of the answer have come: about its tokens."""
        self.status = "loading"
        self.read = (0, 0)
        """Tokens of the prompt that are read, and all of them."""
        self._turn = turn
        self._at = 0
        self.lock = Lock()

    def draw(self) -> None:
        """Take what has come since, and draw it."""
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


def _common(before: str, now: str) -> str:
    """Return what two texts begin with alike."""
    shorter = min(len(before), len(now))
    if before[:shorter] == now[:shorter]:
        return now[:shorter]
    return now[: next(at for at in range(shorter) if before[at] != now[at])]


_WRITINGS: WeakKeyDictionary[Turn, Writing] = WeakKeyDictionary()
_LOCK = Lock()


def writing_of(turn: Turn) -> Writing:
    """Return what is drawn of a turn, the same for all who watch it."""
    with _LOCK:
        if turn not in _WRITINGS:
            _WRITINGS[turn] = Writing(turn)
        return _WRITINGS[turn]
