"""Who talks: each person's own store, and the conversations that are open in it."""

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
"""Conversations that stay open though nobody may look at them; older ones are read from the store again."""


@dataclass(slots=True)
class Open:
    """An open conversation, and how many pages look at it."""

    session: ChatSession
    watchers: int = 0
    told: ExitStack = field(default_factory=ExitStack)
    """Ends the telling of what happens in it."""

    @property
    def idle(self) -> bool:
        """Whether nobody looks at it and nothing is written in it."""
        return not self.watchers and self.session.running is None


class Person:
    """One person's conversations; nobody else's can be had from here."""

    def __init__(self, name: str, model: ChatModel, settings: Settings, store: Store | None) -> None:
        self.name = name
        self.model = model
        self.settings = settings
        self.store = store
        self.changes = Observable()
        """Told when the list of conversations is another one, or another one of them is answering."""
        self._open: list[Open] = []
        self._lock = RLock()

    def begin(self, role: Role | None = None, *, incognito: bool = False) -> ChatSession:
        """Begin a conversation, in the role of the settings where no other is given."""
        if role is None and self.settings.role:
            role = load_role(self.settings.role)
        session = ChatSession(self.model, self.settings, store=self.store, role=role)
        if incognito and self.store is not None:
            session.go_incognito()
        return self.join(session)

    def join(self, session: ChatSession) -> ChatSession:
        """Take in a conversation that is led elsewhere too, as in a terminal."""
        opened = Open(session)
        opened.told.enter_context(session.changes.subscribe(_turns(session, self.changes.notify)))
        with self._lock:
            self._open.append(opened)
            self._close_unused()
        return session

    def find(self, id: str) -> ChatSession:
        """Return the conversation of that id, the open one where it is open.

        Raises: UsageError when this person has none.
        """
        with self._lock:
            for each in self._open:
                if each.session.history.id == id:
                    return each.session
            history = self._saved(id)
            session = ChatSession(self.model, self.settings, store=self.store)
            session.open(history)
            return self.join(session)

    def _saved(self, id: str) -> History:
        history = None
        if self.store is not None:
            with suppress(UsageError):
                history = self.store.load(id)
        if history is None or history.id != id:
            raise UsageError(i18n.Text("conversation.gone"))
        return history

    def delete(self, id: str) -> None:
        """Forget a conversation; an answer that is being written in it is stopped first.

        Raises: UsageError when this person has none of that id.
        """
        session = self.find(id)
        session.stop()
        if (turn := session.running) is not None:
            turn.wait()  # without the lock: pages ask for it all the time
        with self._lock:
            if self.store is not None:
                self.store.delete(id)
            for each in [each for each in self._open if each.session is session]:
                self._close(each)

    @property
    def answering(self) -> list[str]:
        """The conversations in which an answer is being written, by their ids."""
        return [each.history.id for each in self.sessions if each.running is not None]

    @property
    def sessions(self) -> list[ChatSession]:
        """The conversations that are open."""
        with self._lock:
            return [each.session for each in self._open]

    def use(self, model: ChatModel, settings: Settings) -> list[Turn]:
        """Answer with another model from now on; return the turns that the old one still writes."""
        with self._lock:
            self.model, self.settings = model, settings
            turns = [each.session.use(model) for each in self._open]
        return [turn for turn in turns if turn is not None]

    def watched(self, session: ChatSession, change: int) -> None:
        """Count one page more, or one less, that looks at a conversation."""
        with self._lock:
            for each in self._open:
                if each.session is session:
                    each.watchers += change

    def stop(self) -> None:
        """End every answer that is being written."""
        with self._lock:
            for each in self._open:
                each.session.stop()

    def close(self) -> list[str]:
        """Stop all answers and return where conversations were rescued to that the store would not take."""
        self.stop()
        with self._lock:
            return [str(path) for each in self._open if (path := each.session.close()) is not None]

    def _close_unused(self) -> None:
        # What is not saved is nowhere else.
        unused = [each for each in self._open if each.idle and each.session.saved]
        for each in unused[: max(0, len(self._open) - _MOST_OPEN)]:
            self._close(each)

    def _close(self, opened: Open) -> None:
        self._open.remove(opened)
        opened.told.close()


def _turns(session: ChatSession, tell: Callable[[], None]) -> Callable[[], None]:
    """Return what hears of every change in a conversation, and tells when an answer begins or ends."""
    was = session.running

    def heard() -> None:
        nonlocal was
        now = session.running
        if now is not was:
            was = now
            tell()

    return heard


class People:
    """Everyone who talks here, by name; a person without a name is the only one."""

    def __init__(self, make: Callable[[str], Person]) -> None:
        self._make = make
        self._people: dict[str, Person] = {}
        self._lock = RLock()

    def __getitem__(self, name: str) -> Person:
        """Return a person, who is known from then on."""
        with self._lock:
            if name not in self._people:
                self._people[name] = self._make(name)
            return self._people[name]

    def answering(self) -> int:
        """Return how many answers are being written."""
        return sum(len(person.answering) for person in self)

    def __iter__(self) -> Iterator[Person]:
        """Iterate over those who have come."""
        with self._lock:
            return iter(list(self._people.values()))

    def close(self) -> list[str]:
        """Stop all answers of all people, and return where conversations were rescued to."""
        with self._lock:
            # All at once: those that go on hold up those that are waited for.
            for person in self._people.values():
                person.stop()
            return [path for person in self._people.values() for path in person.close()]
