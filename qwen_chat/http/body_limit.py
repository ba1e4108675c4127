"""Limits the size of request bodies."""

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qwen_chat import i18n
from qwen_chat.http.refusal import Refuse
from qwen_chat.http.root_path import route_path

_MAX_DRAINED = 2**28
_DRAIN_SECONDS = 60.0
"""A browser reads why its request is refused only after it has sent the whole body."""


class BodyLimit:
    """ASGI middleware that answers larger bodies with status 413; `limit_for` maps a path to its bytes."""

    def __init__(self, app: ASGIApp, limit_for: Callable[[str], int], refuse: Refuse) -> None:
        self.app = app
        self._limit_for, self._refuse = limit_for, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        body = _LimitedBody(self._limit_for(route_path(scope)), self._refuse, receive, send)
        if await body.refuse_announced(Headers(scope=scope)):
            return
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            # A refused request looks to the application like a client that left in the middle of its body.
            if not body.refused:
                raise


class _LimitedBody:
    """Reads the body of one request up to `limit` bytes."""

    def __init__(self, limit: int, refuse: Refuse, receive: Receive, send: Send) -> None:
        self._limit, self._refuse = limit, refuse
        self._receive, self._send = receive, send
        self._size = 0
        self._answered = self.refused = False

    async def refuse_announced(self, headers: Headers) -> bool:
        """Refuse a request whose Content-Length is over the limit; return whether it was refused."""
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length) > self._limit:
            await self._end()
        return self.refused

    async def receive(self) -> Message:
        """Return the next part of the body; after a refusal the application sees a client that left."""
        if not self.refused:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            if self._size <= self._limit:
                return message
            await self._end()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the application's answer, unless the request was refused meanwhile."""
        if not self.refused:
            self._answered = True
            await self._send(message)

    async def _end(self) -> None:
        self.refused = True
        end = time.monotonic() + _DRAIN_SECONDS
        more = True
        while more and self._size < _MAX_DRAINED and time.monotonic() < end:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if not self._answered:
            fault = i18n.Text("request.too_large", size=_format_size(self._limit))
            await self._refuse(413, fault)({"type": "http"}, self._receive, self._send)


def _format_size(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 2**10} kB"
