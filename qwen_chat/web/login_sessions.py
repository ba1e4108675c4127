"""Logins by the secret that a browser keeps in a cookie; the server keeps only a digest of it."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

IDLE_SECONDS = 30 * 24 * 3600.0
"""A login that is not used for this long ends."""

_MAX_LOGINS = 10_000


@dataclass(slots=True)
class _LoginSession:
    """The name of a person who logged in, and when the login was last used."""

    name: str
    used: float


class LoginSessions:
    """The logins of all persons."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, _LoginSession] = OrderedDict()
        self._lock = Lock()

    def begin(self, name: str) -> str:
        """Return the secret of a new login."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._sessions) >= _MAX_LOGINS:
                self._sessions.popitem(last=False)
            self._sessions[_digest(secret)] = _LoginSession(name, self._clock())
        return secret

    def name(self, secret: str) -> str | None:
        """Return the name of the person with that secret, or None for an unknown or expired one."""
        digest, now = _digest(secret), self._clock()
        with self._lock:
            session = self._sessions.get(digest)
            if session is None:
                return None
            if now - session.used > IDLE_SECONDS:
                del self._sessions[digest]
                return None
            session.used = now
            self._sessions.move_to_end(digest)
            return session.name

    def end(self, secret: str) -> None:
        """Forget a login."""
        with self._lock:
            self._sessions.pop(_digest(secret), None)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="replace")).digest()
