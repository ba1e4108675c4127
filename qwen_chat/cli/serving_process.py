"""What commands that serve until they are stopped have in common."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Event

from qwen_chat.text import strip_controls

_STOPPING = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
_LOOK_SECONDS = 0.5


@contextmanager
def stop_signals() -> Generator[Event, None, None]:
    """Yield an event that is set when the process is told to stop; told again later, it stops at once."""
    stopped = Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in _STOPPING}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(stopped: Event) -> None:
    """Wait for an event; signals are handled meanwhile."""
    while not stopped.wait(_LOOK_SECONDS):
        """Python handles a signal between two waits."""


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def print_fault(text: str) -> None:
    """Print what went wrong as one line on stderr."""
    with suppress(OSError):
        sys.stderr.write(f"qwen-chat: {strip_controls(' '.join(text.split()))}\n")
