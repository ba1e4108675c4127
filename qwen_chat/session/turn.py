"""An answer being written: it runs in a thread of its own and outlives whoever watches it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Condition, Event, Thread

from qwen_chat.errors import ModelError, as_model_error
from qwen_chat.history import Answer, Node
from qwen_chat.message import Delta, FinishReason, Message, Usage
from qwen_chat.observer import Observable

KEEP_SECONDS = 0.4
"""How often a growing answer is written down; when one try is refused, the next still is within a second."""


class Turn:
    """One answer, from its first delta to its commit, watched by any number of watchers.

    What `node` holds already is gone on with; the deltas bring only what is new.

    `work` opens the model's stream; `draft` keeps the next piece of the answer; `commit` keeps the
    whole. None is called from the thread of who asks. `changes` are told of each delta and of the end.
    """

    def __init__(
        self,
        node: Node,
        work: Callable[[Event], Iterable[Delta]],
        draft: Callable[[int, str, str], None],
        commit: Callable[[Node], None],
        changes: Observable,
    ) -> None:
        self.message_id = node.id
        self.error: ModelError | None = None
        self.begun = node.message
        """What of the answer was there before this turn."""
        self.notices: list[str] = []
        self._node = node
        self._work, self._draft, self._commit = work, draft, commit
        self._changes = changes
        self._deltas: list[Delta] = []
        self._done = False
        self._changed = Condition()
        self._cancel = Event()
        self._ended = Event()
        self._started = time.monotonic()
        self.first_token_seconds: float | None = None
        self._reasoning_seconds = 0.0
        self._thread = Thread(target=self._run, name=f"turn-{node.id[:8]}", daemon=True)

    def start(self) -> "Turn":
        """Begin the work."""
        self._thread.start()
        return self

    def __iter__(self) -> Iterator[Delta]:
        """Yield every delta from the first, then wait for those to come, until the answer is committed."""
        return self.watch()

    def watch(self, idle: float | None = None) -> Iterator[Delta]:
        """Iterate, and yield an empty delta whenever none came for `idle` seconds."""
        at = 0
        while True:
            with self._changed:
                while not self._done and len(self._deltas) == at:
                    if not self._changed.wait(idle):
                        break
                fresh = self._deltas[at:]
                if not fresh and self._done:
                    return
            yield from fresh or [Delta()]
            at += len(fresh)

    def deltas_from(self, position: int) -> list[Delta]:
        """Return the deltas there are, without those before `position`, and wait for none."""
        return self._deltas[position:]

    @property
    def done(self) -> bool:
        """Whether the answer is committed."""
        return self._done

    def stop(self) -> None:
        """End the work; what there is of the answer stays."""
        self._cancel.set()

    def wait(self) -> Node:
        """Return the finished answer."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        return self._node

    def _run(self) -> None:
        try:
            self._finish(*self._consume())
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()
            self._changes.notify()

    def _consume(self) -> tuple[FinishReason, Usage | None]:
        keeper = Thread(target=self._keep_drafts, name=f"keep-{self.message_id[:8]}", daemon=True)
        keeper.start()
        try:
            return self._follow()
        finally:
            self._ended.set()
            keeper.join()

    def _follow(self) -> tuple[FinishReason, Usage | None]:
        finish: FinishReason = "interrupted"
        usage: Usage | None = None
        try:
            for given in self._work(self._cancel):
                delta = _unicode(given)
                finish, usage = delta.finish_reason or finish, delta.usage or usage
                self._publish(delta)
        except BaseException as error:  # noqa: BLE001 - an engine's fault must end the turn, not the chat
            self.error = as_model_error(error)
            finish = "error"
        return finish, usage

    def _publish(self, delta: Delta) -> None:
        passed = time.monotonic() - self._started
        if self.first_token_seconds is None and (delta.text or delta.reasoning):
            self.first_token_seconds = passed
        if delta.reasoning and self.first_token_seconds is not None:
            self._reasoning_seconds = passed - self.first_token_seconds
        with self._changed:
            self._deltas.append(delta)
            self._changed.notify_all()
        self._changes.notify()

    def _keep_drafts(self) -> None:
        """Write down what is new: a slow disk does not hold up the stream, nor a stalled stream the disk."""
        at = position = 0
        while not self._ended.wait(KEEP_SECONDS):
            fresh = self._deltas[at:]
            at += len(fresh)
            text, reasoning = _joined(fresh)
            if text or reasoning:
                self._draft(position, text, reasoning)
                position += 1

    def _finish(self, finish: FinishReason, usage: Usage | None) -> None:
        before, (content, reasoning) = self._node.message, _joined(self._deltas)
        if usage is not None:
            usage = replace(usage, reasoning_seconds=self._reasoning_seconds)
        answer = replace(self._node.answer or Answer(), finish_reason=finish, usage=usage)
        message = Message("assistant", before.content + content, before.reasoning + reasoning)
        self._node = replace(self._node, message=message, answer=answer)
        self._commit(self._node)


def _joined(deltas: Sequence[Delta]) -> tuple[str, str]:
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas)


def _unicode(delta: Delta) -> Delta:
    """Replace halves of surrogate pairs, which a server may send and no store or terminal can take."""
    try:
        (delta.text + delta.reasoning).encode()
    except UnicodeEncodeError:
        text, reasoning = (part.encode(errors="replace").decode() for part in (delta.text, delta.reasoning))
        return replace(delta, text=text, reasoning=reasoning)
    return delta
