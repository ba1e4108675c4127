"""The journal between a conversation and the store: nothing is lost when the disk is full or locked.

What cannot be written waits, in order, and is tried again with the next event; when the conversation
is closed and the store still refuses, it goes whole into a file of its own.
"""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import RLock

from qwen_chat.errors import StoreError
from qwen_chat.export import to_json
from qwen_chat.history import History, Node
from qwen_chat.store import Store

RETRY_SECONDS = 10.0


class Journal:
    """Writes the events of conversations into a store; without a store it forgets them."""

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self._waiting: deque[Callable[[Store], None]] = deque()
        self._lock = RLock()
        self._fault: StoreError | None = None
        self._fault_time = 0.0

    @property
    def fault(self) -> StoreError | None:
        """Why events wait, or None when all are written."""
        return self._fault

    def keep(self, history: History, node: Node | None = None) -> None:
        """Write where the conversation stands, and `node` where one is new."""
        self._write(lambda store: store.keep(history, node))

    def keep_all(self, history: History) -> None:
        """Write a whole conversation."""
        self._write(lambda store: store.keep_all(history))

    def draft(self, message: str, position: int, content: str, reasoning: str) -> None:
        """Write the next piece of an answer that is being written."""
        self._write(lambda store: store.draft(message, position, content, reasoning), urgent=False)

    def rescue(self, history: History) -> Path | None:
        """Try once more; where events still wait, write the conversation to a file and return its path."""
        if self.store is None or self._fault is None or self._flush(self.store) is None:
            return None
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="qwen-chat-", suffix=".json", delete=False
        ) as file:
            file.write(to_json(history))
        return Path(file.name)

    def _write(self, event: Callable[[Store], None], *, urgent: bool = True) -> None:
        if self.store is None:
            return
        with self._lock:
            self._waiting.append(event)
            # A locked database makes each try wait: an answer on its way must not stall on every piece.
            if urgent or self._fault is None or time.monotonic() - self._fault_time > RETRY_SECONDS:
                self._fault = self._flush(self.store)
                self._fault_time = time.monotonic()

    def _flush(self, store: Store) -> StoreError | None:
        while self._waiting:
            try:
                self._waiting[0](store)
            except StoreError as error:
                return error
            self._waiting.popleft()
        return None
