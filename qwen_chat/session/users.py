"""The people who use one process: each has a store and open conversations of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from threading import RLock

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.history import History
from qwen_chat.model.base import ChatModel
from qwen_chat.observer import Observable
from qwen_chat.roles import Role, load_role
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store

_MOST_OPEN = 32
"""The number of conversations that stay open without watchers; the store reloads the others."""


@dataclass(slots=True)
class OpenSession:
    """An open conversation, and the number of pages that watch it."""

    session: ChatSession
    watchers: int = 0
    subscription: ExitStack = field(default_factory=ExitStack)
    """Ends the subscription to its changes."""

    @property
    def idle(self) -> bool:
        """Whether nobody watches it and no turn runs in it."""
        return not self.watchers and self.session.running is None


class Person:
    """The conversations of one person, and of nobody else."""

    def __init__(self, name: str, model: ChatModel, settings: Settings, store: Store | None) -> None:
        self.name = name
        self.model = model
        self.settings = settings
        self.store = store
        self.changes = Observable()
        """Notifies when the list of conversations changes, or the set of those with a running turn."""
        self._open: list[OpenSession] = []
        self._lock = RLock()

    def begin(self, role: Role | None = None, *, incognito: bool = False) -> ChatSession:
        """Start a conversation in a role, by default in that of the settings."""
        if role is None and self.settings.role:
            role = load_role(self.settings.role)
        session = ChatSession(self.model, self.settings, store=self.store, role=role)
        if incognito and self.store is not None:
            session.go_incognito()
        return self.join(session)

    def join(self, session: ChatSession) -> ChatSession:
        """Add a conversation that another front end, such as a terminal, may use, too."""
        opened = OpenSession(session)
        opened.subscription.enter_context(
            session.changes.subscribe(_turn_listener(session, self.changes.notify))
        )
        with self._lock:
            self._open.append(opened)
            self._close_unused()
        return session

    def find(self, id: str) -> ChatSession:
        """Return the conversation with that id; opens it if needed.

        Raises: UsageError when this person has none.
        """
        with self._lock:
            for each in self._open:
                if each.session.history.id == id:
                    return each.session
            history = self._load(id)
            session = ChatSession(self.model, self.settings, store=self.store)
            session.open(history)
            return self.join(session)

    def _load(self, id: str) -> History:
        history = None
        if self.store is not None:
            with suppress(UsageError):
                history = self.store.load(id)
        if history is None or history.id != id:
            raise UsageError(i18n.Text("conversation.gone"))
        return history

    def delete(self, id: str) -> None:
        """Delete a conversation; its running turn is stopped first.

        Raises: UsageError when this person has none of that id.
        """
        session = self.find(id)
        session.stop()
        if (turn := session.running) is not None:
            turn.wait()  # not under the lock, which pages take all the time
        with self._lock:
            if self.store is not None:
                self.store.delete(id)
            for each in [each for each in self._open if each.session is session]:
                self._close(each)

    @property
    def answering(self) -> list[str]:
        """The ids of the conversations in which a turn runs."""
        return [each.history.id for each in self.sessions if each.running is not None]

    @property
    def sessions(self) -> list[ChatSession]:
        """The open conversations."""
        with self._lock:
            return [each.session for each in self._open]

    def use(self, model: ChatModel, settings: Settings) -> list[Turn]:
        """Use another model from the next answers on; return the turns that still run on the old model."""
        with self._lock:
            self.model, self.settings = model, settings
            turns = [each.session.use(model) for each in self._open]
        return [turn for turn in turns if turn is not None]

    def count_watchers(self, session: ChatSession, change: int) -> None:
        """Add `change` to the number of pages that watch a conversation."""
        with self._lock:
            for each in self._open:
                if each.session is session:
                    each.watchers += change

    def stop(self) -> None:
        """Stop every running turn."""
        with self._lock:
            for each in self._open:
                each.session.stop()

    def close(self) -> list[str]:
        """Stop all turns; return the paths of files with conversations that the store refused."""
        self.stop()
        with self._lock:
            return [str(path) for each in self._open if (path := each.session.close()) is not None]

    def _close_unused(self) -> None:
        # A conversation that is not saved exists only here.
        unused = [each for each in self._open if each.idle and each.session.saved]
        for each in unused[: max(0, len(self._open) - _MOST_OPEN)]:
            self._close(each)

    def _close(self, opened: OpenSession) -> None:
        self._open.remove(opened)
        opened.subscription.close()


def _turn_listener(session: ChatSession, callback: Callable[[], None]) -> Callable[[], None]:
    """Return a listener to a session's changes that calls `callback` when a turn starts or ends."""
    running = session.running

    def on_change() -> None:
        nonlocal running
        if session.running is not running:
            running = session.running
            callback()

    return on_change


class People:
    """The people who use this process, by name; without accounts there is one, whose name is empty."""

    def __init__(self, make: Callable[[str], Person]) -> None:
        self._make = make
        self._people: dict[str, Person] = {}
        self._lock = RLock()

    def __getitem__(self, name: str) -> Person:
        """Return a person; the first time, make one."""
        with self._lock:
            if name not in self._people:
                self._people[name] = self._make(name)
            return self._people[name]

    def answering(self) -> int:
        """Return the number of running turns."""
        return sum(len(person.answering) for person in self)

    def __iter__(self) -> Iterator[Person]:
        """Iterate over the people so far."""
        with self._lock:
            return iter(list(self._people.values()))

    def close(self) -> list[str]:
        """Stop all turns of all people; return the paths of files with conversations that stores refused."""
        with self._lock:
            # Stop all first: running turns would delay those that are waited for.
            for person in self._people.values():
                person.stop()
            return [path for person in self._people.values() for path in person.close()]
