"""The keys that clients show."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from qwen_chat.http.accounts import Accounts
from qwen_chat.http.throttle import Throttle
from qwen_chat.server.errors import ApiError

OPEN_PATHS = ("/health",)
"""Routes that need no key."""


class Keys:
    """The keys and accounts that may use a server; only their hashes are kept.

    A key is random, so that a fast hash is enough; the password of an account is not.
    """

    def __init__(self, keys: Iterable[str] = (), accounts: Accounts | None = None) -> None:
        self._digests = [_digest(key) for key in keys]
        self._accounts = accounts
        self._known_logins: set[bytes] = set()
        self._throttle = Throttle()

    @property
    def needed(self) -> bool:
        """Whether clients must show anything."""
        return bool(self._digests) or self._accounts is not None

    async def check(self, headers: Headers, address: str) -> bool:
        """Return whether a request shows a key, or the name and password of an account."""
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            return await self._check_login(shown.strip(), address)
        key = headers.get("x-api-key") or (shown.strip() if kind.lower() == "bearer" else "")
        digest = _digest(key)
        # Every key is compared, so that the time tells nothing.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0

    async def _check_login(self, shown: str, address: str) -> bool:
        digest = _digest(shown)
        if digest in self._known_logins:
            return True
        name, password = _decode(shown)
        if self._accounts is None or self._throttle.begin(address, name) > 0:
            return False
        if await run_in_threadpool(self._accounts.check, name, password) is None:
            return False
        self._throttle.passed(address, name)
        self._known_logins.add(digest)
        return True


class KeyCheck:
    """ASGI middleware that lets through only requests with a key."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        address = (scope.get("client") or ("",))[0]
        free = not self._keys.needed or scope["path"] in OPEN_PATHS
        if free or await self._keys.check(Headers(scope=scope), address):
            await self.app(scope, receive, send)
            return
        fault = ApiError(401, "the request shows no valid API key", code="invalid_api_key")
        await fault.response(scope["path"])(scope, receive, send)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _decode(shown: str) -> tuple[str, str]:
    try:
        name, _, password = b64decode(shown, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, password
