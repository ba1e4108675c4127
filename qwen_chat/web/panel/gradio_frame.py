"""Gradio's part of the page: only the addresses that it needs, and a first page that stands alone.

Under the policy no script runs but our files, Gradio's, and those that stood in Gradio's first page when it
left here. https://www.w3.org/TR/CSP3/
"""

import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NEEDED = re.compile(
    r"/|/assets/.*|/static/.*|/theme\.css|/favicon\.ico"
    r"|/gradio_api/(?:heartbeat/\w+|queue/join|queue/data|run/predict|upload|upload_progress|cancel|reset/?)"
)
_FIRST = ("", "/")

_LEADS_ELSEWHERE = re.compile(
    r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>\s*"
    r"|<link rel=\"manifest\"[^>]*>\s*"
    r"|<script>(?:(?!</script>).)*iframeResizer\.contentWindow(?:(?!</script>).)*</script>\s*",
    re.S,
)
"""Cards for other sites, an address that is not there, and a script for pages that are framed."""

_BASE = re.compile(r"<base [^>]*>")
_INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S)

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # Gradio's components carry styles of their own
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(*scripts: str) -> str:
    """Return the Content-Security-Policy under which these inline scripts run, and no others."""
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts]
    allowed = {**_POLICY, "script-src": " ".join([_POLICY["script-src"], *hashes])}
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


@lru_cache(maxsize=64)
def stand_alone(body: bytes, head: str) -> tuple[bytes, str]:
    """Return a first page with our head and without what leads elsewhere, and the policy for its scripts."""
    # A browser hashes what it has read, where every line ends alike.
    text = body.decode().replace("\r\n", "\n").replace("\r", "\n")
    page = _LEADS_ELSEWHERE.sub("", text)
    # Right after the base, to which its addresses are relative; Gradio would add it only once it has begun.
    page = _BASE.sub(lambda base: f"{base[0]}\n{head}", page, count=1)
    return page.encode(), policy(*_INLINE.findall(page))


class Frame:
    """Stands inside Gradio's application, before it compresses; what the page does not need is not there."""

    def __init__(self, app: ASGIApp, head: str, opened: Callable[[], None]) -> None:
        self.app = app
        self._head, self._opened = head, opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; `opened` is called when the first page was sent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (path := get_route_path(scope)) in _FIRST:
            await self.app(scope, receive, _FirstPage(self._head, send))
            self._opened()
        elif _NEEDED.fullmatch(path):
            await self.app(scope, receive, send)
        else:
            await JSONResponse({"error": "there is nothing here"}, 404)(scope, receive, send)


class _FirstPage:
    """Holds back an HTML answer until it is whole."""

    def __init__(self, head: str, send: Send) -> None:
        self._head, self._send = head, send
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
        # A HEAD request has no body, and keeps the length of the one it asks about.
        body, allowed = stand_alone(self._body, self._head) if self._body else (b"", policy())
        headers = MutableHeaders(raw=start["headers"])
        headers["content-security-policy"] = allowed
        if body:
            headers["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
