"""The context that all answers of an engine share: requests wait for room, and the youngest answer yields.

Without this, llama.cpp ends every answer with an error when its context is full.
"""

from qwen_chat.model.queue import AdmissionQueue, Ticket

_RESERVE_DIVISOR = 16
"""This fraction of the context must be free for an answer to begin: one that yields soon was read in vain."""

_DECODED_AHEAD = 4
"""Tokens of each answer that the engine may decode before the latest count is looked at."""


class SharedContext(AdmissionQueue):
    """A queue before `size` tokens of context; the tickets carry what each answer uses."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def should_preempt(self, ticket: Ticket) -> bool:
        """Return whether an answer must yield its context to older ones; the oldest never must."""
        with self._changed:
            position = self._tickets.index(ticket)
            ahead = _DECODED_AHEAD * (position + 1)
            return position > 0 and self._used_up_to(position) + ahead >= self.size

    def _requests_before(self, ticket: Ticket) -> int:
        position = self._tickets.index(ticket)
        fits = self._used_up_to(position) + self.size // _RESERVE_DIVISOR < self.size
        return 0 if fits else position

    def _used_up_to(self, position: int) -> int:
        """Return the tokens used by the ticket at a position and all before it."""
        return sum(ticket.tokens for ticket in self._tickets[: position + 1])
