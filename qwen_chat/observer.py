"""Who wants to know that something changed: told at once, in the thread that changed it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class Observable:
    """Those who want to know; being told says only that there is something new to look at.

    What is told must be quick and must not wait for the one who tells: set an event, poke a loop.
    """

    def __init__(self) -> None:
        self._told: tuple[Callable[[], None], ...] = ()
        self._lock = Lock()

    @contextmanager
    def subscribe(self, told: Callable[[], None]) -> Iterator[None]:
        """Call `told` at each change, inside the block."""
        with self._lock:
            self._told = (*self._told, told)
        try:
            yield
        finally:
            with self._lock:
                self._told = tuple(each for each in self._told if each is not told)

    def notify(self) -> None:
        """Tell everyone."""
        # A whole tuple is put in place of the other, so that telling needs no lock.
        for told in self._told:
            told()
