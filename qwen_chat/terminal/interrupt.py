"""Ctrl-C during an answer stops the answer, not the program."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from qwen_chat.session.turn import Turn


@contextmanager
def stop_on_interrupt(turn: Turn) -> Iterator[Event]:
    """Make Ctrl-C stop the turn instead of raising; the event is set once Ctrl-C was pressed."""
    pressed = Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        pressed.set()
        turn.stop()

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as under nohup
        yield pressed
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
