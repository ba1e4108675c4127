"""Whether an engine in this process is at work."""

import threading
import time

from qwen_chat.model import background_stream


def idle_within(seconds: float) -> bool:
    """Wait until no engine works, and return whether that took no longer than this."""
    end = time.monotonic() + seconds
    while _working() and time.monotonic() < end:
        time.sleep(0.01)
    return not _working()


def _working() -> bool:
    return any(thread.name == background_stream.THREAD_NAME for thread in threading.enumerate())
