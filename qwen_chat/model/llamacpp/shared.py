"""The context that all answers of an engine share: who does not fit waits, and the youngest gives way.

llama.cpp itself ends every answer when its context is full, with an error.
"""

from qwen_chat.model.queue import AdmissionQueue, Ticket

_ROOM_TO_BEGIN = 16
"""A part of so many is to be free for the answer itself: who gave way soon after would have read in vain."""

_AHEAD = 4
"""Tokens for each answer that are decoded while the latest is looked at."""


class SharedContext(AdmissionQueue):
    """A line before `size` tokens of context; each place is told what its answer takes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def crowded(self, place: Ticket) -> bool:
        """Whether an answer is to give way to those begun before it; the first one never is."""
        with self._moved:
            number = self._standing.index(place)
            return number > 0 and self._taken(number) + _AHEAD * (number + 1) >= self.size

    def _waiting(self, place: Ticket) -> int:
        number = self._standing.index(place)
        fits = self._taken(number) + self.size // _ROOM_TO_BEGIN < self.size
        return 0 if fits else number

    def _taken(self, number: int) -> int:
        """Return the tokens of a place and of all before it."""
        return sum(place.tokens for place in self._standing[: number + 1])
