"""Responses that end the work when the client leaves: server-sent events, and whole answers.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from qwen_chat.server.errors import ApiError

_STALL_SECONDS = 30.0
"""How long a client may read nothing of what was sent to it."""

_GOODBYE_SECONDS = 1.0
_GOODBYE = f"data: {json.dumps(ApiError(503, 'the server is being stopped').body())}\n\ndata: [DONE]\n\n"

DONE = "data: [DONE]\n\n"
"""The end of a stream of OpenAI's."""

BEAT = ": still here\n\n"
"""A comment, which clients skip."""

Result = TypeVar("Result")


class EventStream(Response):
    """Sends events as they come until the client leaves or stops reading; then closes `events`."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None], headers: dict[str, str] | None = None) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the events."""
        await _unless_left(self._send_all(send), receive)

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        async with aclosing(self._events):
            await send(start)
            try:
                async for event in self._events:
                    async with asyncio.timeout(_STALL_SECONDS):
                        await send(_body(event))
            except TimeoutError:
                return
            except asyncio.CancelledError:
                # The server ends; or the client has left, and does not read it.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GOODBYE_SECONDS):
                        await send(_body(_GOODBYE))
                raise
        await send({"type": "http.response.body", "body": b""})


def _body(event: str) -> Message:
    return {"type": "http.response.body", "body": event.encode(errors="replace"), "more_body": True}


async def finish_unless_left(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what a coroutine returns; cancel it when the client leaves.

    Raises: ApiError when the client left.
    """
    result = await _unless_left(work, request.receive)
    if result is None:
        raise ApiError(499, "the client left")
    return result


async def _unless_left(work: Coroutine[Any, Any, Result], receive: Receive) -> Result | None:
    """Return what a coroutine returns, or None when the client left before."""
    task, left = asyncio.create_task(work), asyncio.create_task(_wait_until_left(receive))
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, left):
            each.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        """The rest of the body is of no interest."""
