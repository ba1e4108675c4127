"""A blocking call in a background thread, read as a stream of events."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

THREAD_NAME = "engine"
"""The name of the threads in which engines work; such a thread ends one step after its stream was closed."""

_POLL_SECONDS = 0.1
_MAX_AHEAD = 64
"""Events that the call may be ahead of a slow reader."""

T = TypeVar("T")


class BackgroundStream(Generic[T]):
    """Runs `call`, which hands each event to the function it is given; its exceptions reach the reader."""

    def __init__(self, call: Callable[[Callable[[T], None]], None]) -> None:
        self._call = call
        self._events: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()
        self.stopped = Event()

    def events(self, cancel: Event) -> Iterator[T]:
        """Start the call, and yield its events until it ends or `cancel` is set."""
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
        """Tell the call that nobody reads any more, by setting `stopped`."""
        self.stopped.set()

    def _run(self) -> None:
        try:
            self._call(self._put)
        except BaseException as error:  # noqa: BLE001 - goes to the reader, which is in another thread
            self._events.put(error)
        finally:
            self._events.put(None)

    def _put(self, event: T) -> None:
        # A plain bounded queue costs several times as much for each token.
        while self._events.qsize() >= _MAX_AHEAD and not self.stopped.wait(_POLL_SECONDS):
            pass
        self._events.put((event,))
