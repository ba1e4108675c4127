"""Ctrl-C while an answer is written: it stops the answer, not the program."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

from qwen_chat.session.turn import Turn


@contextmanager
def stopping(turn: Turn) -> Iterator[Event]:
    """Let Ctrl-C stop a turn instead of raising; the event tells whether it was pressed."""
    pressed = Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        pressed.set()
        turn.stop()

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as nohup asks for
        yield pressed
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
