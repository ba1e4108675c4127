"""Notifies subscribers of changes, at once and in the thread that makes the change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class Observable:
    """A source of notifications; a notification only says that something changed.

    Callbacks must be quick and must not wait for the notifying thread: they set an event or wake a loop.
    """

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[[], None], ...] = ()
        self._lock = Lock()

    @contextmanager
    def subscribe(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` at each change within the block."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks = tuple(each for each in self._callbacks if each is not callback)

    def notify(self) -> None:
        """Call every callback."""
        # `subscribe` replaces the tuple as a whole, so this needs no lock.
        for callback in self._callbacks:
            callback()
