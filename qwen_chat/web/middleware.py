"""The checks that every request to the page passes, in their order, and the headers of every response."""

from functools import partial
from typing import Protocol
from urllib.parse import quote

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qwen_chat.http.active_requests import ActiveRequests
from qwen_chat.http.body_limit import BodyLimit
from qwen_chat.http.csrf import CsrfCheck
from qwen_chat.http.error_body import error_body
from qwen_chat.http.host_check import HostCheck
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.root_path import RootPath, below, route_path
from qwen_chat.http.security_headers import SecurityHeaders
from qwen_chat.observer import Observable
from qwen_chat.web.request_limits import limit_for

_CACHED = {
    "/panel/en/assets/": "private, max-age=31536000, immutable",
    "/panel/zh/assets/": "private, max-age=31536000, immutable",
    "/panel/en/static/": "no-cache",
    "/panel/zh/static/": "no-cache",
    "/page/": "no-cache",
    "/code.css": "no-cache",
}
"""Files that browsers may keep: those of Gradio's assets have their hash in their name."""

_OTHER_NAME = "this page does not go by that name: start it with --root-path and the address you use"

_PERSON = "qwen_chat.person"


class Authenticator(Protocol):
    """Knows the person of a request; `logouts` notifies of every logout, in the loop that serves the page."""

    logouts: Observable

    def identify(self, path: str, headers: Headers) -> str | None:
        """Return the name of the person who sends a request, or None for a request that may not pass."""
        ...


def person_of(scope: Scope) -> str:
    """Return the name of the person who sends a request that passed the login check."""
    return str(scope[_PERSON])


class GuardedApp:
    """The page's application behind its checks."""

    def __init__(self, app: FastAPI, hosts: Hosts, authenticator: Authenticator, root_path: str = "") -> None:
        self.app = app
        self._authenticator = authenticator
        self._requests = ActiveRequests(BodyLimit(app, limit_for, refuse))
        checks: ASGIApp = RootPath(LoginCheck(self._requests, authenticator), root_path)
        checks = CsrfCheck(checks, hosts, refuse, "only the page itself may do that")
        checks = HostCheck(checks, hosts, refuse, _OTHER_NAME)
        self._checks = SecurityHeaders(checks, partial(_cache_control, root_path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            with self._authenticator.logouts.subscribe(self._end_logged_out):
                await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._checks(scope, receive, send)

    def close(self) -> None:
        """End the responses that are being sent; to be called in the loop that sends them."""
        self._requests.end(refuse(503, "the page was closed"))

    def _end_logged_out(self) -> None:
        self._requests.end(_refuse_stranger(), lambda scope: _identify(self._authenticator, scope) is None)


class LoginCheck:
    """ASGI middleware that lets through only known persons, and tells the application who they are."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self.app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        person = _identify(self._authenticator, scope)
        if person is None:
            await _answer_stranger(scope)(scope, receive, send)
        else:
            await self.app({**scope, _PERSON: person}, receive, send)


def refuse(status: int, fault: str) -> Response:
    """Return the page's refusal: JSON with one line, `error`, and what the page translates it by."""
    return JSONResponse(error_body(fault), status)


def _identify(authenticator: Authenticator, scope: Scope) -> str | None:
    return authenticator.identify(route_path(scope), Headers(scope=scope))


def _answer_stranger(scope: Scope) -> Response:
    """Lead a person to the login page, and tell a script that it must log in."""
    if route_path(scope) == "/" and scope["method"] in ("GET", "HEAD"):
        after = scope["query_string"].decode("latin-1")
        return RedirectResponse(
            f"{scope['root_path']}/login" + (f"?after={quote(after)}" if after else ""), 303
        )
    return _refuse_stranger()


def _refuse_stranger() -> Response:
    return refuse(401, "log in first: reload the page")


def _cache_control(root_path: str, path: str) -> str:
    route = below(root_path, path)
    return next((value for start, value in _CACHED.items() if route.startswith(start)), "no-store")
