"""Answers of a model, which blocks threads, as an asynchronous stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from threading import Event, Thread

from qwen_chat.message import Delta
from qwen_chat.model.base import Deltas

_BEAT_SECONDS = 15.0
"""Between signs of life, by which proxies and clients tell silence from a lost connection."""

BEAT = Delta()

Start = Callable[[Event], Deltas]
"""Begins an answer, which ends soon after the event is set."""

_Item = tuple[int, Delta | BaseException | None]


class Answers:
    """Answers to one request; the end of `async with` ends the work.

    They are generated together, each in a thread of its own, or `in_turn`: an engine that computes several
    answers together rounds otherwise than for one, and then a seed does not give the same text again.
    """

    def __init__(self, starts: Sequence[Start], *, in_turn: bool = False) -> None:
        numbered = [*enumerate(starts)]
        self._threads = [numbered] if in_turn else [[start] for start in numbered]
        self._cancel = Event()
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()
        self.number = self._unfinished = len(starts)
        """How many answers there are."""
        self._first: tuple[int, Delta] | None = None
        self._beats: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Answers":
        """Begin, and wait until the model has accepted the prompt.

        Raises: QwenChatError when it refuses the prompt.
        """
        for starts in self._threads:
            Thread(target=self._run, args=(starts,), name="answer", daemon=True).start()
        try:
            self._first = await self._next()
        except BaseException:
            self._cancel.set()
            raise
        self._beats = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the work; the threads end by themselves within a step of the model."""
        self._cancel.set()
        if self._beats is not None:
            self._beats.cancel()

    async def deltas(self) -> AsyncGenerator[tuple[int, Delta], None]:
        """Yield the pieces of the answers with the number of their answer, and BEAT now and then.

        Raises: QwenChatError when the model fails.
        """
        found = self._first
        while found is not None:
            yield found
            found = await self._next()

    async def _next(self) -> tuple[int, Delta] | None:
        while self._unfinished:
            index, item = await self._items.get()
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                return index, item
            self._unfinished -= 1
        return None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            self._items.put_nowait((0, BEAT))

    def _run(self, starts: Sequence[tuple[int, Start]]) -> None:
        for index, start in starts:
            try:
                with closing(start(self._cancel)) as deltas:
                    for delta in deltas:
                        self._put((index, delta))
                self._put((index, None))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the client hears of it
                self._put((index, error))
                return

    def _put(self, item: _Item) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)


def end_after_one_call(start: Start) -> Start:
    """Return a start of the same answer, which ends after its first call of a tool."""

    def begin(cancel: Event) -> Deltas:
        called = Event()
        deltas = start(called)
        for delta in deltas:
            if cancel.is_set():
                called.set()
            if delta.finish_reason == "interrupted" and not cancel.is_set():
                yield replace(delta, finish_reason="tool_calls")
            elif not called.is_set() or delta.finish_reason is not None:
                yield delta
            if delta.tool_calls:
                called.set()

    return begin
