"""The queues before a model: requests to a busy model begin in the order in which they came."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event

from qwen_chat import i18n
from qwen_chat.errors import ModelBusyError

_POLL_SECONDS = 0.05
"""The longest time until a waiting request notices that it was cancelled."""

_MAX_WAITING = 64


@dataclass(slots=True, eq=False)
class Ticket:
    """The place of one request in a queue; `tokens` is what it uses of the context so far."""

    tokens: int = 0


class AdmissionQueue(ABC):
    """Requests in the order in which they came, running and waiting; a subclass says which ones may run."""

    def __init__(self, max_waiting: int = _MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._tickets: list[Ticket] = []
        self._changed = Condition()

    @contextmanager
    def enter(self, tokens: int = 0) -> Iterator[Ticket]:
        """Enter the queue at its end with a ticket for `wait`; leave the queue at the end of the block.

        Raises: ModelBusyError when too many requests are waiting already.
        """
        ticket = Ticket(tokens)
        with self._changed:
            waiting = sum(self._requests_before(other) > 0 for other in self._tickets)
            if waiting >= self._max_waiting:
                raise ModelBusyError(i18n.Text("model.busy", count=self._max_waiting))
            self._tickets.append(ticket)
        try:
            yield ticket
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def wait(self, ticket: Ticket, cancel: Event | None) -> Generator[int, None, None]:
        """Wait for admission, and yield the number of requests before this one whenever it changes."""
        reported = 0
        while before := self._wait_for_change(ticket, reported):
            if cancel is not None and cancel.is_set():
                return
            if before != reported:
                reported = before
                yield before

    def _wait_for_change(self, ticket: Ticket, reported: int) -> int:
        """Return the number of requests before a ticket; pause a moment if it is the number reported last."""
        with self._changed:
            if self._requests_before(ticket) == reported != 0:
                self._changed.wait(_POLL_SECONDS)
            return self._requests_before(ticket)

    @abstractmethod
    def _requests_before(self, ticket: Ticket) -> int:
        """Return how many requests a ticket waits behind; 0 when it is admitted."""


class SlotQueue(AdmissionQueue):
    """The queue before a model that answers a fixed number of requests at once."""

    def __init__(self, slots: int, max_waiting: int = _MAX_WAITING) -> None:
        super().__init__(max_waiting)
        self._slots = slots

    def _requests_before(self, ticket: Ticket) -> int:
        return max(0, self._tickets.index(ticket) + 1 - self._slots)
