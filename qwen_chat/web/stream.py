"""A conversation as a stream of server-sent events: one frame whenever something changed, none otherwise.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from anyio import to_thread

from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import Person
from qwen_chat.web.feed import Feed

_PAUSE_SECONDS = 0.05
"""Between frames: as often as an eye can follow."""

_PAUSE_SECONDS_EACH = 0.03
"""For each answer that is being written: together they are to leave the engine its time."""

_DRAWING_SHARE = 0.1
"""Of the time, at most: what takes long to draw is drawn less often."""

_LONGEST_PAUSE_SECONDS = 0.5
"""Between frames, however long one took: a first one may wait for libraries to be loaded."""

_BEAT_SECONDS = 15.0
"""Between signs of life, by which proxies and pages tell silence from a lost connection."""


async def frames(person: Person, session: ChatSession, answering: Callable[[], int]) -> AsyncIterator[str]:
    """Yield what a page is to show, as events, for as long as it looks.

    `answering` tells how many answers are being written, here and elsewhere.
    """
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wake() -> None:
        if not changed.is_set():
            loop.call_soon_threadsafe(changed.set)

    feed = Feed(session, lambda: person.answering)
    with ExitStack() as stack:
        stack.enter_context(session.changes.subscribe(wake))
        stack.enter_context(person.changes.subscribe(wake))
        stack.enter_context(session.model.state_changes.subscribe(wake))
        person.count_watchers(session, +1)
        stack.callback(person.count_watchers, session, -1)
        yield "retry: 1000\n\n"
        while session in person.sessions:  # until it is deleted
            changed.clear()
            started = time.monotonic()
            frame = await to_thread.run_sync(feed.next)
            took = time.monotonic() - started
            if frame:
                yield f"data: {json.dumps(frame, ensure_ascii=False, separators=(',', ':'))}\n\n"
            await asyncio.sleep(_pause(took, answering()))
            try:
                await asyncio.wait_for(changed.wait(), _BEAT_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"


def _pause(drawing_seconds: float, answering: int) -> float:
    wanted = max(_PAUSE_SECONDS, _PAUSE_SECONDS_EACH * answering, drawing_seconds / _DRAWING_SHARE)
    return min(wanted, _LONGEST_PAUSE_SECONDS)
