"""Gradio's HTML document and the addresses that it needs: all others are closed.

Under the policy no script runs but our files, Gradio's files, and the inline scripts that stood in Gradio's
document when it left here. https://www.w3.org/TR/CSP3/
"""

import re
from functools import lru_cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qwen_chat.http.security_headers import content_security_policy

_NEEDED = re.compile(
    r"/assets/.*|/static/.*|/theme\.css|/favicon\.ico|/gradio_api/(?:run/predict|upload|upload_progress)"
)
_DOCUMENT = ("", "/")
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S)


class PanelDocument:
    """ASGI middleware inside Gradio's application, before it compresses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (path := scope["path"].removeprefix(scope.get("root_path", ""))) in _DOCUMENT:
            await self.app(scope, receive, _PolicySender(send))
        elif _NEEDED.fullmatch(path):
            await self.app(scope, receive, send)
        else:
            await JSONResponse({"error": "there is nothing here"}, 404)(scope, receive, send)


class _PolicySender:
    """Holds back an HTML document until it is whole, and adds the policy for its inline scripts."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(raw=start["headers"])
        headers["content-security-policy"] = document_policy(self._body)
        headers["x-frame-options"] = "SAMEORIGIN"
        await self._send(start)
        await self._send({"type": "http.response.body", "body": self._body})


@lru_cache(maxsize=64)
def document_policy(body: bytes) -> str:
    """Return the policy of a document: its inline scripts run, and only our own page may frame it."""
    # A browser hashes what it has read, where every line ends alike.
    text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
    return content_security_policy(_INLINE_SCRIPT.findall(text), framed_by="'self'")


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
