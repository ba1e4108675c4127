"""What every request must get past, and every answer takes along, whichever address it is for."""

import asyncio
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qwen_chat.http.body_limit import LimitedBody
from qwen_chat.http.hosts import Hosts
from qwen_chat.observer import Observable
from qwen_chat.web.body_limits import limit_for
from qwen_chat.web.panel.gradio_frame import policy

_HEADERS = {
    "content-security-policy": policy(),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all, a form would not say where it comes from
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_CACHED = {"/assets/": "private, max-age=31536000, immutable", "/static/": "no-cache", "/page/": "no-cache"}
"""Files that browsers may keep: those of Gradio have their hash in their name."""

_SAFE_METHODS = ("GET", "HEAD")
_FOREIGN_NAME = "this page does not go by that name: start it with --root-path and the address you use"
_PERSON = "qwen_chat.person"


class Door(Protocol):
    """Knows who asks; `left` are told, in the loop that serves the page, whenever someone logged out."""

    left: Observable

    def person(self, path: str, headers: Headers) -> str | None:
        """Return the name of who sends a request, or None for one that may not pass."""
        ...


def person_of(scope: Scope) -> str:
    """Return the name of who sends a request that got past the walls."""
    return str(scope[_PERSON])


@dataclass(eq=False, slots=True)
class _Visit:
    """A request that was let in and is being answered; `over` is why it was ended from here."""

    path: str
    headers: Headers
    task: asyncio.Task[object] | None
    over: Response | None = None

    def end(self, over: Response) -> None:
        """End it; `over` is the answer, where none was begun."""
        self.over = over
        if self.task is not None:
            self.task.cancel()


class Walls:
    """Lets requests through to an application that come from the page itself and from someone it knows."""

    def __init__(self, app: ASGIApp, hosts: Hosts, door: Door, root_path: str = "") -> None:
        self.app = app
        self._hosts, self._door, self._root_path = hosts, door, root_path
        self._visits: set[_Visit] = set()

    def close(self) -> None:
        """End the answers that are being sent; to be called in the loop that sends them."""
        for visit in self._visits:
            visit.end(JSONResponse({"error": "the page was closed"}, 503))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            with self._door.left.subscribe(self._see_out):
                await self.app(scope, receive, send)
        elif scope["type"] == "http":
            path = _below(self._root_path, scope["path"])
            await self._answer(path, scope, receive, _Answer(path, send))

    async def _answer(self, path: str, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        headers = Headers(scope=scope)
        refusal = self._refusal(path, scope, headers)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        person = self._door.person(path, headers)
        if person is None:
            await _to_the_door(self._root_path, path, scope)(scope, receive, answer)
            return
        body = LimitedBody(limit_for(path), headers, receive, answer)
        placed = {"root_path": self._root_path, "path": self._root_path + path, _PERSON: person}
        visit = _Visit(path, headers, asyncio.current_task())
        await self._pass(visit, {**_without_origin(scope), **placed}, body, answer)

    async def _pass(self, visit: _Visit, scope: Scope, body: LimitedBody, answer: "_Answer") -> None:
        # From here on, with nothing awaited since the door was asked, who logs out ends this, too.
        self._visits.add(visit)
        try:
            if not await body.refuse_announced():
                await self.app(scope, body.receive, body.send)
        except asyncio.CancelledError:
            if visit.over is None:
                raise
            await answer.end(visit.over)
        except Exception:
            # To the application, one that was refused has gone away in the middle of a word.
            if not body.refused:
                raise
        finally:
            self._visits.discard(visit)

    def _see_out(self) -> None:
        """End what is still sent to those who would not be let in again."""
        for visit in self._visits:
            # Who logs out is to hear that it was done.
            at_the_door = visit.task is asyncio.current_task()
            if not at_the_door and self._door.person(visit.path, visit.headers) is None:
                visit.end(_refused())

    def _refusal(self, path: str, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._hosts.knows(host):
            return JSONResponse({"error": _FOREIGN_NAME}, 400)
        if scope["method"] not in _SAFE_METHODS and not self._from_the_page(headers, host):
            return JSONResponse({"error": "only the page itself may do that"}, 403)
        if self._root_path and path == "":
            return RedirectResponse(f"{self._root_path}/", 308)
        return None

    def _from_the_page(self, headers: Headers, host: str) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        # What is no browser sends neither, and has no cookies but those that it was given.
        return site in (None, "same-origin", "none") and (origin is None or self._hosts.same(origin, host))


class _Answer:
    """Sends an answer on, with the headers that all of them have."""

    def __init__(self, path: str, send: Send) -> None:
        self._path = path
        self._send = send
        self._begun = self._ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            kept = (value for start, value in _CACHED.items() if self._path.startswith(start))
            headers.setdefault("cache-control", next(kept, "no-store"))
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self, over: Response) -> None:
        """End an answer that would not have ended by itself; one that was not begun is `over` instead."""
        if not self._begun:
            await over({"type": "http"}, _nothing, self)
        elif not self._ended:
            await self({"type": "http.response.body", "body": b""})


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _below(root_path: str, path: str) -> str:
    """Return a path without the root it stands under, which some proxies cut off and others do not."""
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        return path.removeprefix(root_path)
    return path


def _without_origin(scope: Scope) -> Scope:
    """Return the scope without its Origin, which is checked: Gradio would let other pages read the answer."""
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"origin"]}


def _to_the_door(root_path: str, path: str, scope: Scope) -> Response:
    """Send a person to log in, and tell a script that it must."""
    if path == "/" and scope["method"] in _SAFE_METHODS:
        after = scope["query_string"].decode("latin-1")
        return RedirectResponse(f"{root_path}/login" + (f"?after={quote(after)}" if after else ""), 303)
    return _refused()


def _refused() -> Response:
    return JSONResponse({"error": "log in first: reload the page"}, 401)
