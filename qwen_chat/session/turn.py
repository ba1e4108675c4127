"""A turn: an answer that is generated in its own thread, whoever watches it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from threading import Condition, Event, Thread

from qwen_chat.errors import ModelError, as_model_error
from qwen_chat.history import AnswerDetails, Node
from qwen_chat.message import Delta, FinishReason, Usage
from qwen_chat.observer import Observable
from qwen_chat.session.delta_accumulator import (
    extend_message,
    join_reasoning,
    join_text,
    replace_surrogates,
)

DRAFT_SECONDS = 0.4
"""How often drafts are kept: when the store refuses one, the next try is still within a second."""


class Turn:
    """One answer, from its first delta to its commit; any number of watchers may iterate over its deltas.

    The answer continues the message of `node`; the deltas are only what is new.

    `stream` opens the model's stream, `draft` keeps the next piece of the answer, `commit` keeps the whole
    answer. The turn calls them from its own threads. It notifies `changes` of each delta and of the end.
    """

    def __init__(
        self,
        node: Node,
        stream: Callable[[Event], Iterable[Delta]],
        draft: Callable[[int, str, str], None],
        commit: Callable[[Node], None],
        changes: Observable,
    ) -> None:
        self.message_id = node.id
        self.error: ModelError | None = None
        self.message_before = node.message
        """The part of the answer that was there before this turn."""
        self.notices: list[str] = []
        """Lines for the person that are not part of the answer."""
        self._node = node
        self._stream, self._draft, self._commit = stream, draft, commit
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
        """Start the thread of the turn."""
        self._thread.start()
        return self

    def __iter__(self) -> Iterator[Delta]:
        """Yield every delta from the first one, and wait for more until the answer is committed."""
        return self.watch()

    def watch(self, idle: float | None = None) -> Iterator[Delta]:
        """Iterate as `__iter__` does, and yield an empty delta whenever none came for `idle` seconds."""
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
        """Return the deltas so far from `position` on, without waiting."""
        return self._deltas[position:]

    @property
    def done(self) -> bool:
        """Whether the answer is committed."""
        return self._done

    def stop(self) -> None:
        """Stop the answer; what the model wrote so far is kept."""
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
        drafts = Thread(target=self._keep_drafts, name=f"drafts-{self.message_id[:8]}", daemon=True)
        drafts.start()
        try:
            return self._read_stream()
        finally:
            self._ended.set()
            drafts.join()

    def _read_stream(self) -> tuple[FinishReason, Usage | None]:
        finish: FinishReason = "interrupted"
        usage: Usage | None = None
        try:
            for delta in map(replace_surrogates, self._stream(self._cancel)):
                finish, usage = delta.finish_reason or finish, delta.usage or usage
                self._publish(delta)
        except BaseException as error:  # noqa: BLE001 - an engine's fault must end the turn, not the chat
            self.error = as_model_error(error)
            finish = "error"
        return finish, usage

    def _publish(self, delta: Delta) -> None:
        self._measure(delta)
        self.notices += delta.notices
        with self._changed:
            self._deltas.append(delta)
            self._changed.notify_all()
        self._changes.notify()

    def _measure(self, delta: Delta) -> None:
        seconds = time.monotonic() - self._started
        if self.first_token_seconds is None and (delta.text or delta.reasoning or delta.tool_calls):
            self.first_token_seconds = seconds
        if delta.reasoning and self.first_token_seconds is not None:
            self._reasoning_seconds = seconds - self.first_token_seconds

    def _keep_drafts(self) -> None:
        """Keep new text in a thread of its own, so that a slow disk does not hold up the stream."""
        at = position = 0
        while not self._ended.wait(DRAFT_SECONDS):
            fresh = self._deltas[at:]
            at += len(fresh)
            text, reasoning = join_text(fresh), join_reasoning(fresh)
            if text or reasoning:
                self._draft(position, text, reasoning)
                position += 1

    def _finish(self, finish: FinishReason, usage: Usage | None) -> None:
        if usage is not None:
            usage = replace(usage, reasoning_seconds=self._reasoning_seconds)
        answer = replace(self._node.answer or AnswerDetails(), finish_reason=finish, usage=usage)
        message = extend_message(self._node.message, self._deltas)
        self._node = replace(self._node, message=message, answer=answer)
        self._commit(self._node)
