"""The journal between a conversation and the store: nothing is lost when the disk is full or locked.

What cannot be written waits, in order, and is tried again with the next event; when the store still
refuses at the end, each conversation that waits goes whole into a file of its own.
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

_HASTE_SECONDS = 0.1
"""How long a locked database may hold up a piece of an answer, or anything once it was found locked."""


class Journal:
    """Writes the events of conversations into a store; without a store it forgets them.

    A conversation in which nothing was said leaves no trace: what happens in it waits for `begin`.
    """

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self.paused = False
        """Whether what happens now is to be forgotten; what waits from before is still written."""
        self._begun = False
        self._unspoken: list[Node] = []
        self._waiting: deque[tuple[History, Callable[[Store], None]]] = deque()
        self._lock = RLock()
        self._fault: StoreError | None = None

    @property
    def fault(self) -> StoreError | None:
        """Why events wait, or None when all are written."""
        return self._fault

    @property
    def saved(self) -> bool:
        """Whether something was said and all of it is written."""
        return self._begun and self.store is not None and not self.paused and self._fault is None

    def turn_to(self, *, begun: bool = False, paused: bool = False) -> None:
        """Another conversation is written from now on: one that is `begun`, or one that has yet to be."""
        self._begun, self.paused, self._unspoken = begun, paused, []

    def begin(self, history: History) -> None:
        """Something is said: write what waited for it."""
        self._begun, unspoken, self._unspoken = True, self._unspoken, []
        for node in unspoken:
            self.keep(history, node)

    def keep(self, history: History, node: Node | None = None) -> None:
        """Write where the conversation stands, and `node` where one is new."""
        if self._begun:
            self._write(history, lambda store: store.keep(history, node))
        elif node is not None:
            self._unspoken.append(node)

    def keep_all(self, history: History) -> None:
        """Write a whole conversation."""
        self._write(history, lambda store: store.keep_all(history))

    def draft(self, history: History, message: str, position: int, content: str, reasoning: str) -> None:
        """Write the next piece of an answer that is being written."""
        self._write(history, lambda store: store.draft(message, position, content, reasoning), urgent=False)

    def rescue(self) -> Path | None:
        """Try once more; write what still waits to a file, and return its path.

        Where several conversations wait, each has a file, and the path is that of their folder.

        Raises: StoreError when there is no room for a file either.
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
            fault = self._flush(self.store, BUSY_SECONDS if patient else _HASTE_SECONDS)
            # A piece that was refused is no fault yet: the end of the answer tries again, with patience.
            if urgent or fault is None:
                self._fault = fault

    def _flush(self, store: Store, patience: float) -> StoreError | None:
        try:
            with store.waiting(patience):
                while self._waiting:
                    self._waiting[0][1](store)
                    self._waiting.popleft()
        except StoreError as error:
            return error
        return None


def _write_file(path: Path, history: History) -> Path:
    write_atomic(path, to_json(history), owner_only=True)
    return path
