"""Keeps the requests that are being answered, so that they can be ended from here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(eq=False, slots=True)
class _ActiveRequest:
    scope: Scope
    task: asyncio.Task[object] | None
    ended_with: Response | None = None


class ActiveRequests:
    """ASGI middleware; its methods are called in the event loop that serves the requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._requests: set[_ActiveRequest] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        # Nothing is awaited before the request is kept: whoever was let in a moment ago can be ended now.
        request = _ActiveRequest(scope, asyncio.current_task())
        sender = _Sender(send)
        self._requests.add(request)
        try:
            await self.app(scope, receive, sender)
        except asyncio.CancelledError:
            if request.ended_with is None:
                raise
            await sender.end(request.ended_with)
        finally:
            self._requests.discard(request)

    def end(self, response: Response, ends: Callable[[Scope], bool] | None = None) -> None:
        """End all requests, or those for which `ends` is true; one with no answer yet gets `response`.

        The request that calls this goes on.
        """
        own = asyncio.current_task()
        for request in self._requests:
            chosen = ends is None or ends(request.scope)
            if request.task is not None and request.task is not own and chosen:
                request.ended_with = response
                request.task.cancel()


class _Sender:
    """Sends a response, and knows how far it has come."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = self._finished = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
        elif message["type"] == "http.response.body":
            self._finished = not message.get("more_body", False)
        await self._send(message)

    async def end(self, response: Response) -> None:
        """End a response that would not end by itself, or send `response` where none was started."""
        if not self._started:
            await response({"type": "http"}, _receive_nothing, self)
        elif not self._finished:
            await self({"type": "http.response.body", "body": b""})


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}
