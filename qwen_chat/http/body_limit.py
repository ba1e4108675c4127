"""Limits the size of request bodies."""

import time

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Send

from qwen_chat import i18n
from qwen_chat.http.error_body import error_body

_DRAINED = 2**28
_DRAIN_SECONDS = 60.0
"""A browser reads why its request is refused only after it has sent the whole body."""


class LimitedBody:
    """Reads the body of one request up to `limit` bytes, and answers a larger one with status 413."""

    def __init__(self, limit: int, headers: Headers, receive: Receive, send: Send) -> None:
        length = headers.get("content-length", "0")
        self._announced = int(length) if length.isascii() and length.isdecimal() else 0
        self._limit = limit
        self._receive, self._send = receive, send
        self._size = 0
        self._answered = self.refused = False

    async def refuse_announced(self) -> bool:
        """Refuse a request whose Content-Length is over the limit; return whether it was refused."""
        if self._announced > self._limit:
            await self._refuse()
        return self.refused

    async def receive(self) -> Message:
        """Return the next part of the body; after a refusal the application sees a client that left."""
        if not self.refused:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            if self._size <= self._limit:
                return message
            await self._refuse()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send a part of the application's answer, unless the request was refused meanwhile."""
        if not self.refused:
            self._answered = True
            await self._send(message)

    async def _refuse(self) -> None:
        self.refused = True
        end = time.monotonic() + _DRAIN_SECONDS
        more = True
        while more and self._size < _DRAINED and time.monotonic() < end:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if not self._answered:
            fault = i18n.Text("request.too_large", size=_format_size(self._limit))
            await JSONResponse(error_body(fault), 413)({"type": "http"}, self._receive, self._send)


def _format_size(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 2**10} kB"
