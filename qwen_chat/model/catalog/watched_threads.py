"""Runs the connections of one download in threads, and watches that bytes keep coming."""

import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from qwen_chat.model.catalog.source import SourceError

Task = Callable[[Event], None]
"""Does its work until it is done or the event is set."""

_LEAST_BYTES = 10_000
"""Fewer bytes within the time for a stall are a stall."""

_POLL_SECONDS = 0.1
_JOIN_SECONDS = 1


def run_watched(
    tasks: Sequence[Task], received: Callable[[], int], stall: float, poll: Callable[[], None]
) -> None:
    """Run the tasks in threads until all are done; the first error, a stall and Ctrl-C stop all of them.

    `received` returns a number of bytes that changes while bytes come; `poll` is called some times a second.

    Raises: SourceError after `stall` seconds with hardly a byte, or the error of a task.
    """
    stop = Event()
    errors: list[BaseException] = []

    def run(task: Task) -> None:
        try:
            task(stop)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            errors.append(error)
            stop.set()

    threads = [Thread(target=run, args=(task,), name="download", daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        _watch(threads, stop, received, stall, poll)
    finally:
        stop.set()
        # A thread may wait for bytes a while longer; what it would write then is ignored.
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]


def _watch(
    threads: Sequence[Thread],
    stop: Event,
    received: Callable[[], int],
    stall: float,
    poll: Callable[[], None],
) -> None:
    count, since = received(), time.monotonic()
    while not stop.is_set() and (running := [thread for thread in threads if thread.is_alive()]):
        running[0].join(_POLL_SECONDS)
        poll()
        if abs(received() - count) >= _LEAST_BYTES:
            count, since = received(), time.monotonic()
        elif time.monotonic() - since > stall:
            raise SourceError(f"no bytes for {stall:g} seconds")
    poll()
