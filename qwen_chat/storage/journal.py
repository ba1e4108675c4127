"""The journal between a conversation and the store, so that a full or locked disk loses nothing.

Events that the store refuses wait in order, and the next event tries them again. If the store still refuses
at the end, each waiting conversation is written as a whole to a file of its own.
"""

import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import RLock

from qwen_chat.errors import StoreError
from qwen_chat.export import to_json
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.history import History, Node
from qwen_chat.storage.database import BUSY_SECONDS
from qwen_chat.storage.store import Store

_SHORT_WAIT_SECONDS = 0.1
"""How long to wait for a locked database with a draft, and with every event once it was found locked."""


class Journal:
    """Writes the events of conversations to a store; without a store it drops them.

    A conversation without a typed message leaves no trace: its events wait for `begin`.
    """

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self.paused = False
        """Whether to drop new events; earlier events that wait are still written."""
        self._begun = False
        self._before_begin: list[Node] = []
        self._waiting: deque[tuple[History, Callable[[Store], None]]] = deque()
        self._lock = RLock()
        self._fault: StoreError | None = None

    @property
    def fault(self) -> StoreError | None:
        """Why events wait, or None when all are written."""
        return self._fault

    @property
    def saved(self) -> bool:
        """Whether the conversation has messages and all of them are written."""
        return self._begun and self.store is not None and not self.paused and self._fault is None

    def switch_conversation(self, *, begun: bool = False, paused: bool = False) -> None:
        """Write another conversation from now on; `begun` says that the store has it already."""
        self._begun, self.paused, self._before_begin = begun, paused, []

    def begin(self, history: History) -> None:
        """Write the events that wait for the first typed message."""
        self._begun, waiting, self._before_begin = True, self._before_begin, []
        for node in waiting:
            self.keep(history, node)

    def keep(self, history: History, node: Node | None = None) -> None:
        """Write the title, head and system prompt of the conversation, and a new node."""
        if self._begun:
            self._write(history, lambda store: store.keep(history, node))
        elif node is not None:
            self._before_begin.append(node)

    def keep_all(self, history: History) -> None:
        """Write a whole conversation."""
        self._write(history, lambda store: store.keep_all(history))

    def draft(self, history: History, message: str, position: int, content: str, reasoning: str) -> None:
        """Write the next piece of an unfinished answer."""
        self._write(history, lambda store: store.draft(message, position, content, reasoning), urgent=False)

    def rescue(self) -> Path | None:
        """Try the store once more; write conversations that still wait to files, and return their path.

        The path is that of the file, or of the folder with the files of several conversations.

        Raises: StoreError when a file cannot be written either.
        """
        with self._lock:
            if self.store is None or not self._waiting or self._flush(self.store, BUSY_SECONDS) is None:
                return None
            waiting = {id(history): history for history, _ in self._waiting}
        try:
            folder = Path(tempfile.mkdtemp(prefix="qwen-chat-"))
            files = [
                _write_file(folder / f"conversation-{number}.json", history)
                for number, history in enumerate(waiting.values(), 1)
            ]
        except OSError as error:
            raise StoreError(
                f"the conversation cannot be saved anywhere: {error.strerror or error}"
            ) from None
        return files[0] if len(files) == 1 else folder

    def _write(self, history: History, event: Callable[[Store], None], *, urgent: bool = True) -> None:
        if self.store is None or self.paused:
            return
        with self._lock:
            self._waiting.append((history, event))
            patient = urgent and self._fault is None
            fault = self._flush(self.store, BUSY_SECONDS if patient else _SHORT_WAIT_SECONDS)
            # A refused draft is no fault yet: the end of the answer tries again and waits longer.
            if urgent or fault is None:
                self._fault = fault

    def _flush(self, store: Store, seconds: float) -> StoreError | None:
        try:
            with store.waiting(seconds):
                while self._waiting:
                    self._waiting[0][1](store)
                    self._waiting.popleft()
        except StoreError as error:
            return error
        return None


def _write_file(path: Path, history: History) -> Path:
    write_atomic(path, to_json(history), owner_only=True)
    return path
