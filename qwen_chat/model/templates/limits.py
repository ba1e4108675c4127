"""What a template may use up: a hostile one may write for ever, or until the memory is full."""

import time
from threading import local

MAX_CHARACTERS = 1 << 24
"""The longest text that a template may build."""

SECONDS = 3.0
"""How long a template may compute, in seconds of a processor; it needs milliseconds."""


class StillWritingError(Exception):
    """A template is not at its end in time."""

    def __init__(self) -> None:
        super().__init__(f"it still writes after {SECONDS:g} seconds")


class Deadline(local):
    """The end of the time that a template has in this thread."""

    def __init__(self) -> None:
        self._end = 0.0

    def start(self) -> None:
        """Give a template its time."""
        self._end = time.thread_time() + SECONDS

    def check(self) -> None:
        """Raise StillWritingError when the time is over."""
        if time.thread_time() > self._end:
            raise StillWritingError


def check_length(characters: int) -> None:
    """Raise OverflowError for a text that no prompt needs."""
    if characters > MAX_CHARACTERS:
        raise OverflowError("it builds a text that is too long")
