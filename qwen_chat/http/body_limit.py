"""How much a request may bring."""

import time

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Send

from qwen_chat.web.uploads import MAX_BYTES

_ROOM = 2**16
"""What surrounds a file in a form."""

_LIMITS = {
    "/chat/import": 2**26,
    "/chat/file": MAX_BYTES,
    "/gradio_api/upload": MAX_BYTES + _ROOM,
    "/login": 2**13,
}
_OTHERS = 2**22
"""Bytes of any other request, such as a long message."""

_DRAINED = 2**28
_DRAIN_SECONDS = 60.0
"""A browser reads why its request is refused only after it has sent the whole of it."""


class Intake:
    """Reads what a request brings, up to its address's limit; what is over it is thrown away and said."""

    def __init__(self, path: str, headers: Headers, receive: Receive, send: Send) -> None:
        length = headers.get("content-length", "0")
        self._announced = int(length) if length.isascii() and length.isdecimal() else 0
        self._limit = _LIMITS.get(path, _OTHERS)
        self._receive, self._send = receive, send
        self._size = 0
        self._answered = self.refused = False

    async def refuses(self) -> bool:
        """Refuse a request that says itself that it brings too much."""
        if self._announced > self._limit:
            await self._refuse()
        return self.refused

    async def receive(self) -> Message:
        """Return the next piece; to the application one that brings too much looks as if it had gone away."""
        if not self.refused:
            message = await self._receive()
            self._size += len(message.get("body", b""))
            if self._size <= self._limit:
                return message
            await self._refuse()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send the application's answer on, unless the request was refused meanwhile."""
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
            fault = f"too large: at most {_in_words(self._limit)} can be sent at once"
            await JSONResponse({"error": fault}, 413)({"type": "http"}, self._receive, self._send)


def _in_words(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 2**10} kB"
