"""Refuses requests that other sites make a browser send.

https://owasp.org/www-community/attacks/csrf
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from qwen_chat.http.hosts import Hosts
from qwen_chat.http.refusal import Refuse

_SAFE_METHODS = ("GET", "HEAD")


class CsrfCheck:
    """ASGI middleware that lets only this server's own pages, and programs, change something.

    `fault` refuses the rest. The application gets a request without its Origin, which is checked here, and
    so adds no CORS headers.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, refuse: Refuse, fault: str) -> None:
        self.app = app
        self._hosts, self._refuse, self._fault = hosts, refuse, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in _SAFE_METHODS and not is_same_origin(Headers(scope=scope), self._hosts):
            await self._refuse(403, self._fault)(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"origin"]
        await self.app({**scope, "headers": headers}, receive, send)


def is_same_origin(headers: Headers, hosts: Hosts) -> bool:
    """Return whether a request comes from a page of this server, or from a program that is no browser.

    Programs send neither Origin nor Sec-Fetch-Site, and have no cookies but those that they were given.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    own_site = site in (None, "same-origin", "none")
    return own_site and (origin is None or hosts.is_origin(origin, headers.get("host", "")))
