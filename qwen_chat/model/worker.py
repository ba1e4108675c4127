"""A blocking call in a thread of its own, whose events are read as they come."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

THREAD_NAME = "engine"
"""Of the threads in which engines work; one ends its step after its stream was closed."""

_POLL_SECONDS = 0.1
_AHEAD = 64
"""Events the engine may be ahead of a slow reader."""

T = TypeVar("T")


class Worker(Generic[T]):
    """Runs `work`, which hands each event to the function it is given; what it raises, its reader gets."""

    def __init__(self, work: Callable[[Callable[[T], None]], None]) -> None:
        self._work = work
        self._events: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self.stopped = Event()

    def events(self, cancel: Event) -> Iterator[T]:
        """Begin the work, and yield its events until it ends or `cancel` is set."""
        if not cancel.is_set():
            Thread(target=self._run, name=THREAD_NAME, daemon=True).start()
        while not cancel.is_set():
            try:
                event = self._events.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if event is None:
                return
            if isinstance(event, BaseException):
                raise event
            yield event[0]

    def stop(self) -> None:
        """Tell the work that nobody reads on: `stopped` is set."""
        self.stopped.set()

    def _run(self) -> None:
        try:
            self._work(self._put)
        except Exception as error:  # noqa: BLE001 - goes to the reader, who is in another thread
            self._events.put(error)
        finally:
            self._events.put(None)

    def _put(self, event: T) -> None:
        # A plain bounded queue costs several times as much for each token.
        while self._events.qsize() >= _AHEAD and not self.stopped.wait(_POLL_SECONDS):
            pass
        self._events.put((event,))
