"""Rate limit of login attempts: how often passwords may be guessed."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock

_FREE_ATTEMPTS = 5
"""Wrong passwords in a row before there is a wait."""

_MAX_WAIT = 900.0
_NETWORK_LENGTH = len("2001:0db8:0000:0000")
_FORGOTTEN_AFTER = 3600.0
_MAX_KEYS = 10_000
_MAX_TOGETHER, _TOGETHER_SECONDS = 100, 60.0
"""Wrong passwords of all addresses together, in so many seconds: one guesser may have many addresses."""


@dataclass(slots=True)
class _Attempts:
    """How often attempts failed in a row, and when the last one did."""

    number: int = 0
    last: float = 0.0

    def wait(self, now: float) -> float:
        if self.number < _FREE_ATTEMPTS:
            return 0.0
        return self.last + min(2.0 ** (self.number - _FREE_ATTEMPTS), _MAX_WAIT) - now


class Throttle:
    """Counts wrong passwords by account name and client address; the wait doubles with each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attempts: OrderedDict[tuple[str, str], _Attempts] = OrderedDict()
        self._all: deque[float] = deque(maxlen=_MAX_TOGETHER)
        self._lock = Lock()

    def begin(self, address: str, name: str) -> float:
        """Begin an attempt, which counts as failed until `passed`; return 0, or the seconds to wait."""
        now = self._clock()
        key = (_network(address), name)
        with self._lock:
            self._forget(now)
            attempts = self._attempts.get(key) or _Attempts()
            if (wait := max(attempts.wait(now), self._wait_together(now))) > 0:
                return wait
            attempts.number, attempts.last = attempts.number + 1, now
            self._attempts[key] = attempts
            self._attempts.move_to_end(key)
            self._all.append(now)
            return 0.0

    def passed(self, address: str, name: str) -> None:
        """Forget the failures before a right password."""
        with self._lock:
            self._attempts.pop((_network(address), name), None)
            if self._all:
                self._all.pop()

    def _wait_together(self, now: float) -> float:
        full = len(self._all) == _MAX_TOGETHER
        return self._all[0] + _TOGETHER_SECONDS - now if full else 0.0

    def _forget(self, now: float) -> None:
        while self._attempts:
            oldest = next(iter(self._attempts))
            if len(self._attempts) < _MAX_KEYS and now - self._attempts[oldest].last < _FORGOTTEN_AFTER:
                return
            del self._attempts[oldest]


def _network(address: str) -> str:
    """Return what one guesser has: an IPv4 address, or the network that comes with an IPv6 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    # A socket for both kinds of addresses shows IPv4 addresses within IPv6 ones.
    return str(found.ipv4_mapped) if found.ipv4_mapped else found.exploded[:_NETWORK_LENGTH]
