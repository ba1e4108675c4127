"""Who waits for a model: all begin in the order they came."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event

from qwen_chat.errors import ModelError

_POLL_SECONDS = 0.05
"""How soon it is seen that someone no longer waits."""

_LONGEST = 64


@dataclass(slots=True, eq=False)
class Ticket:
    """Where somebody stands in a line; `tokens` is what the answer takes of the context so far."""

    tokens: int = 0


class AdmissionQueue(ABC):
    """Those who wait, behind those who no longer need to; what they wait for, its kinds say.

    Raises: ModelError from `place` when `longest` wait already.
    """

    def __init__(self, longest: int = _LONGEST) -> None:
        self._longest = longest
        self._standing: list[Ticket] = []
        self._moved = Condition()

    @contextmanager
    def place(self, tokens: int = 0) -> Iterator[Ticket]:
        """Stand at the end of the line, to be given to `wait`; after it, the others move up."""
        place = Ticket(tokens)
        with self._moved:
            if sum(self._waiting(other) > 0 for other in self._standing) >= self._longest:
                raise ModelError(f"the model is busy and {self._longest} wait already: try again in a while")
            self._standing.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._standing.remove(place)
                self._moved.notify_all()

    def wait(self, place: Ticket, cancel: Event | None) -> Generator[int, None, None]:
        """Yield how many answers are begun before this one, whenever that changes, until none is."""
        told = 0
        while before := self._before(place, told):
            if cancel is not None and cancel.is_set():
                return
            if before != told:
                told = before
                yield before

    def _before(self, place: Ticket, told: int) -> int:
        """Return how many are before a place, after a moment when there are as many as was told."""
        with self._moved:
            if self._waiting(place) == told != 0:
                self._moved.wait(_POLL_SECONDS)
            return self._waiting(place)

    @abstractmethod
    def _waiting(self, place: Ticket) -> int:
        """Return how many answers are begun before one of those who stand here; 0 when it may begin."""


class SlotQueue(AdmissionQueue):
    """The line before a model that writes so many answers at once."""

    def __init__(self, seats: int, longest: int = _LONGEST) -> None:
        super().__init__(longest)
        self._seats = seats

    def _waiting(self, place: Ticket) -> int:
        return max(0, self._standing.index(place) + 1 - self._seats)
