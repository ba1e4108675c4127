"""Who waits for a model: so many answers are written at once, the others begin in the order they came."""

from collections.abc import Generator
from threading import Condition, Event

from qwen_chat.errors import ModelError

_POLL_SECONDS = 0.05
"""How soon it is seen that someone no longer waits."""

_LONGEST = 64


class Line:
    """A line before a model that writes `places` answers at once.

    Raises: ModelError from `wait` when `longest` wait already.
    """

    def __init__(self, places: int, longest: int = _LONGEST) -> None:
        self._places = places
        self._longest = longest
        self._standing: list[object] = []
        """Those whose answer is being written, then those who wait."""
        self._moved = Condition()

    def join(self) -> object:
        """Take a place at the end of the line, to be given to `wait` and `leave`."""
        place = object()
        with self._moved:
            if len(self._standing) >= self._places + self._longest:
                raise ModelError(f"the model is busy and {self._longest} wait already: try again in a while")
            self._standing.append(place)
        return place

    def wait(self, place: object, cancel: Event | None) -> Generator[int, None, None]:
        """Yield how many answers are begun before this one, whenever that changes, until none is."""
        told = 0
        while before := self._before(place, told):
            if cancel is not None and cancel.is_set():
                return
            if before != told:
                told = before
                yield before

    def leave(self, place: object) -> None:
        """Give the place to the next."""
        with self._moved:
            self._standing.remove(place)
            self._moved.notify_all()

    def _before(self, place: object, told: int) -> int:
        """Return how many are before a place, after a moment when there are as many as was told."""
        with self._moved:
            if self._waiting(place) == told != 0:
                self._moved.wait(_POLL_SECONDS)
            return self._waiting(place)

    def _waiting(self, place: object) -> int:
        return max(0, self._standing.index(place) + 1 - self._places)
