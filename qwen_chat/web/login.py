"""The login page, which works without scripts, and the addresses for logging in and out."""

import math
import time
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from string import Template
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
from qwen_chat.web.language import preferred_language
from qwen_chat.web.login_sessions import IDLE_SECONDS, LoginSessions
from qwen_chat.web.middleware import person_of

_MAX_HASHING = 2
_PUBLIC_PATHS = ("/login", "/page/styles/login.css", "/health")
_CHAT = "chat"
_MAX_ID_LENGTH = 64


class NoLogin:
    """Identifies everyone as the one person without a name; nobody has to log in, and nobody logs out."""

    def __init__(self) -> None:
        self.logouts = Observable()

    def identify(self, path: str, headers: Headers) -> str | None:  # noqa: ARG002 - as with a login
        """Return the name of the one person."""
        return ""

    def join(self, app: FastAPI) -> None:
        """Add the addresses that a page has with and without a login."""
        _add_status_routes(app, has_login=False)


class PasswordLogin:
    """Identifies persons by the cookie that they got when they logged in; `cookie` is its name."""

    def __init__(self, accounts: Accounts, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self._cookie = cookie
        self.logouts = Observable()
        self._sessions = LoginSessions(clock)
        self._throttle = Throttle(clock)
        self._page = Template(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))
        self._hashing = CapacityLimiter(_MAX_HASHING)

    def identify(self, path: str, headers: Headers) -> str | None:
        """Return the name of the person who is logged in, "" for an address that needs no login, or None."""
        name = self._sessions.name(self._secret(headers))
        return "" if name is None and path in _PUBLIC_PATHS else name

    def join(self, app: FastAPI) -> None:
        """Add the addresses for logging in and out."""
        _add_status_routes(app, has_login=True)
        app.add_api_route("/login", self.show, methods=["GET"])
        app.add_api_route("/login", self.log_in, methods=["POST"])
        app.add_api_route("/logout", self.log_out, methods=["POST"])

    def show(self, request: Request, after: str = "") -> Response:
        """Return the login page."""
        return self._render(request, {"after": after})

    async def log_in(self, request: Request) -> Response:
        """Check the password, and lead on to the conversation of the address."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        name, password = form.get("name", ""), form.get("password", "")
        address = request.client.host if request.client else ""
        if (wait := self._throttle.begin(address, name)) > 0:
            return self._render(request, form, 429, wait)
        check = partial(self._accounts.check, name, password)
        known = await to_thread.run_sync(check, limiter=self._hashing)
        if known is None:
            return self._render(request, form, 401)
        self._throttle.passed(address, name)
        return self._start_session(request, known, form.get("after", ""))

    async def log_out(self, request: Request) -> Response:
        """Log out, and end every response to that login, in all tabs."""
        self._end_session(request)
        answer = RedirectResponse("login", 303)
        answer.delete_cookie(self._cookie, path=_cookie_path(request))
        return answer

    def _end_session(self, request: Request) -> None:
        self._sessions.end(self._secret(request.headers))
        self.logouts.notify()

    def _secret(self, headers: Headers) -> str:
        return cookie_parser(headers.get("cookie", "")).get(self._cookie, "")

    def _start_session(self, request: Request, name: str, after: str) -> Response:
        chat = dict(parse_qsl(after)).get(_CHAT, "")[:_MAX_ID_LENGTH]
        answer = RedirectResponse("./" + (f"?{urlencode({_CHAT: chat})}" if chat else ""), 303)
        self._end_session(request)
        answer.set_cookie(
            self._cookie,
            self._sessions.begin(name),
            max_age=int(IDLE_SECONDS),
            path=_cookie_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    def _render(
        self, request: Request, form: dict[str, str], status: int = 200, wait: float = 0.0
    ) -> Response:
        language = preferred_language(request.headers)
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


def _add_status_routes(app: FastAPI, *, has_login: bool) -> None:
    def me(request: Request) -> dict[str, object]:
        return {"name": person_of(request.scope), "auth": has_login}

    def health() -> dict[str, str]:
        return {"status": "ok"}

    app.add_api_route("/chat/me", me, methods=["GET"])
    app.add_api_route("/health", health, methods=["GET"])


def _cookie_path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"
