"""Logging in and out: a page that works without scripts, and a cookie that says who asks from then on."""

import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from threading import Lock
from urllib.parse import parse_qsl, urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from qwen_chat import i18n
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.throttle import Throttle
from qwen_chat.observer import Observable
from qwen_chat.web.middleware import person_of

_IDLE_SECONDS = 30 * 24 * 3600.0
_MOST_LOGINS = 10_000
_HASHED_AT_ONCE = 2
_OPEN = ("/login", "/page/styles/login.css", "/health")
_AFTER = "chat"
_LONGEST_ID = 64


@dataclass(slots=True)
class _Login:
    """Who logged in, and when they were last here."""

    name: str
    used: float


class Logins:
    """Who is logged in, by the secret that their browser keeps; it is not kept here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logins: OrderedDict[bytes, _Login] = OrderedDict()
        self._lock = Lock()

    def begin(self, name: str) -> str:
        """Return the secret of a new login."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._logins) >= _MOST_LOGINS:
                self._logins.popitem(last=False)
            self._logins[_digest(secret)] = _Login(name, self._clock())
        return secret

    def name(self, secret: str) -> str | None:
        """Return who has that secret, or None when nobody has, or it lay idle for a month."""
        digest, now = _digest(secret), self._clock()
        with self._lock:
            login = self._logins.get(digest)
            if login is None:
                return None
            if now - login.used > _IDLE_SECONDS:
                del self._logins[digest]
                return None
            login.used = now
            self._logins.move_to_end(digest)
            return login.name

    def end(self, secret: str) -> None:
        """Forget a login."""
        with self._lock:
            self._logins.pop(_digest(secret), None)


class Open:
    """The door where nobody has to log in: all who come are the same person, and nobody leaves."""

    def __init__(self) -> None:
        self.left = Observable()

    def person(self, path: str, headers: Headers) -> str | None:  # noqa: ARG002 - the other door asks for both
        """Return the name of the one person."""
        return ""

    def join(self, app: FastAPI) -> None:
        """Add the addresses that both doors have."""
        _join(app, asks=False)


class Login:
    """The door where one logs in; `cookie` is the name of what browsers keep."""

    def __init__(self, accounts: Accounts, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._cookie = cookie
        self.left = Observable()
        self._logins = Logins(clock)
        self._throttle = Throttle(clock)
        self._page = Template(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))
        self._hashing = CapacityLimiter(_HASHED_AT_ONCE)

    def person(self, path: str, headers: Headers) -> str | None:
        """Return the name of who is logged in, "" where that does not matter, or None."""
        name = self._logins.name(self._secret(headers))
        return "" if name is None and path in _OPEN else name

    def join(self, app: FastAPI) -> None:
        """Add the addresses for logging in and out."""
        _join(app, asks=True)
        app.add_api_route("/login", self.show, methods=["GET"])
        app.add_api_route("/login", self.enter, methods=["POST"])
        app.add_api_route("/logout", self.leave, methods=["POST"])

    def show(self, request: Request, after: str = "") -> Response:
        """Return the page where one logs in."""
        return self._shown(request, {"after": after})

    async def enter(self, request: Request) -> Response:
        """Log in, and go on to the conversation that was asked for."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        name, password = form.get("name", ""), form.get("password", "")
        address = request.client.host if request.client else ""
        if (wait := self._throttle.begin(address, name)) > 0:
            return self._shown(request, form, 429, wait)
        check = partial(self._accounts.check, name, password)
        known = await to_thread.run_sync(check, limiter=self._hashing)
        if known is None:
            return self._shown(request, form, 401)
        self._throttle.passed(address, name)
        return self._entered(request, known, form.get("after", ""))

    async def leave(self, request: Request) -> Response:
        """Log out: nothing more is sent to whoever has that login, in whichever tab."""
        self._end(request)
        answer = RedirectResponse("login", 303)
        answer.delete_cookie(self._cookie, path=_path(request))
        return answer

    def _end(self, request: Request) -> None:
        self._logins.end(self._secret(request.headers))
        self.left.notify()

    def _secret(self, headers: Headers) -> str:
        return cookie_parser(headers.get("cookie", "")).get(self._cookie, "")

    def _entered(self, request: Request, name: str, after: str) -> Response:
        chat = dict(parse_qsl(after)).get(_AFTER, "")[:_LONGEST_ID]
        answer = RedirectResponse("./" + (f"?{urlencode({_AFTER: chat})}" if chat else ""), 303)
        self._end(request)
        answer.set_cookie(
            self._cookie,
            self._logins.begin(name),
            max_age=int(_IDLE_SECONDS),
            path=_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    def _shown(
        self, request: Request, form: dict[str, str], status: int = 200, wait: float = 0.0
    ) -> Response:
        language: i18n.Language = "zh" if _reads_chinese(request) else "en"
        seconds = math.ceil(wait)
        faults = {401: i18n.Text("login.wrong"), 429: i18n.Text("login.wait", count=seconds)}
        fault = i18n.translate(faults.get(status, ""), language)
        typed = form.get("name", "")
        focus = ("focus_password", "focus_name") if typed else ("focus_name", "focus_password")
        page = self._page.substitute(
            _texts(language),
            fault=f'<p role="alert">{fault}</p>' if fault else "",
            after=escape(form.get("after", "")),
            typed=escape(typed),
            **dict(zip(focus, (" autofocus", ""), strict=True)),
        )
        headers = {"Retry-After": str(seconds)} if wait else {}
        return HTMLResponse(page, status, headers)


def _texts(language: i18n.Language) -> dict[str, str]:
    texts = {
        "title": i18n.Text("login.title"),
        "name": i18n.Text("login.name"),
        "password": i18n.Text("login.password"),
        "enter": i18n.Text("login.enter"),
    }
    return {"language": language, **{name: i18n.translate(text, language) for name, text in texts.items()}}


def _join(app: FastAPI, *, asks: bool) -> None:
    def me(request: Request) -> dict[str, object]:
        return {"name": person_of(request.scope), "auth": asks}

    def health() -> dict[str, str]:
        return {"status": "ok"}

    app.add_api_route("/chat/me", me, methods=["GET"])
    app.add_api_route("/health", health, methods=["GET"])


def _path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"


def _reads_chinese(request: Request) -> bool:
    for language in request.headers.get("accept-language", "").lower().split(","):
        if language.strip().startswith(("zh", "en")):
            return language.strip().startswith("zh")
    return False


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="replace")).digest()
