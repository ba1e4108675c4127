"""The frames of one page: each holds what changed since the one before, so that nothing is sent twice."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from qwen_chat import i18n
from qwen_chat.errors import StoreError
from qwen_chat.history import History, Node
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.web.incremental_html import LiveAnswer, SentState, live_answer_of
from qwen_chat.web.views import JSON, chat_view, is_ready, message_view

RECENT = 60
"""Messages of a long conversation that are sent at first; the page asks for those before them."""


class Feed:
    """Follows a conversation for one page.

    `answering` returns the ids of the conversations with a running answer, which the page marks in its list.
    """

    def __init__(self, session: ChatSession, answering: Callable[[], list[str]] = list) -> None:
        self._session, self._answering = session, answering
        self._last_state: object = None
        latest = session.latest
        self._reported_turn = latest if latest is not None and latest.done and latest.error is None else None
        self._reset()

    def next(self) -> JSON:
        """Return what changed since the last frame, {} when nothing did."""
        session = self._session
        turn, state = session.running, (session.revision, session.left_out, is_ready(session))
        frame: JSON = {}
        # The page must have a message before text is put into it.
        if turn is None or state != self._last_state or turn.message_id not in self._messages:
            self._last_state = state
            self._put_conversation(frame, turn)
        if turn is not None:
            self._put_live(frame, turn, live_answer_of(turn))
        self._put_notices(frame, session.latest)
        self._put(frame, "answering", self._answering())
        return frame

    def _put_conversation(self, frame: JSON, turn: Turn | None) -> None:
        history = self._session.history
        if history is not self._history:
            self._reset()
        path = history.path()
        shown = path[-RECENT:] if not self._order else [node for node in path if self._is_shown(node)]
        self._put(frame, "chat", chat_view(self._session))
        self._put_messages(frame, history, shown, turn)
        self._put(frame, "order", [node.id for node in path])
        if turn is None:
            self._put(frame, "list", _fingerprint(self._session))

    def _reset(self) -> None:
        self._history = self._session.history
        self._last: JSON = {}
        self._messages: dict[str, JSON] = {}
        self._order: list[str] = []
        self._turn: Turn | None = None
        self._answer, self._thought = SentState(), SentState()

    def _is_shown(self, node: Node) -> bool:
        # The page itself asks for older messages.
        return node.id in self._messages or node.id not in self._order

    def _put(self, frame: JSON, key: str, value: object) -> None:
        if self._last.get(key) != value:
            self._last[key] = frame[key] = value
        if key == "order" and isinstance(value, list):
            self._order = value

    def _put_messages(self, frame: JSON, history: History, path: Sequence[Node], turn: Turn | None) -> None:
        changed = {}
        for node in path:
            writing = turn is not None and node.id == turn.message_id
            view = message_view(history, node, writing=writing).as_json()
            if self._messages.get(node.id) != view:
                self._messages[node.id] = changed[node.id] = view
        if changed:
            frame["messages"] = changed

    def _put_live(self, frame: JSON, turn: Turn, writing: LiveAnswer) -> None:
        if turn is not self._turn:
            self._turn, self._answer, self._thought = turn, SentState(), SentState()
        with writing.lock:
            writing.draw()
            thought, answer = writing.thought.patch(self._thought), writing.answer.patch(self._answer)
            live: JSON = {"status": writing.status, "read": writing.read, "pieces": writing.pieces}
        self._put(frame, "live", live)
        if thought or answer or "live" in frame:
            frame["live"] = {
                **live,
                "id": turn.message_id,
                "thought": asdict(thought) if thought else None,
                "answer": asdict(answer) if answer else None,
            }

    def _put_notices(self, frame: JSON, turn: Turn | None) -> None:
        """Put the notices and the error of a turn that ended into one frame, however short the turn was."""
        if turn is None or turn is self._reported_turn or not turn.done:
            return
        self._reported_turn = turn
        self._last.pop("live", None)
        if notices := [*turn.notices, *([turn.error.text] if turn.error else [])]:
            frame["notices"] = [i18n.as_json(notice) for notice in notices]


def _fingerprint(session: ChatSession) -> str:
    """Return the fingerprint of the list of conversations, "" for a store that cannot be read."""
    try:
        return session.store.fingerprint() if session.store else ""
    except StoreError:
        return ""
