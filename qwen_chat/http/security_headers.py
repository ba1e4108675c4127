"""The security headers of every response.

https://owasp.org/www-project-secure-headers/
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # answers align table cells by attributes, Gradio styles its parts
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "worker-src": "'self' blob:",
    "base-uri": "'self'",
    "form-action": "'self'",
}


def content_security_policy(inline_scripts: Iterable[str] = (), *, framed_by: str = "'none'") -> str:
    """Return a Content-Security-Policy under which only our files and these inline scripts run."""
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in inline_scripts]
    scripts = " ".join([_POLICY["script-src"], *hashes])
    policy = {**_POLICY, "script-src": scripts, "frame-ancestors": framed_by}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


HEADERS = {
    "content-security-policy": content_security_policy(),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no referrer at all, a form would not say where it comes from
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware that adds headers to every response; what the application sets itself stays.

    `cache_control` maps the path of a request to its Cache-Control header.
    """

    def __init__(self, app: ASGIApp, cache_control: Callable[[str], str]) -> None:
        self.app = app
        self._cache_control = cache_control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", self._cache_control(scope["path"]))
            await send(message)

        await self.app(scope, receive, send_with_headers)
