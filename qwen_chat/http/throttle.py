"""How often passwords may be guessed."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock

_FREE = 5
"""Wrong passwords in a row before one has to wait."""

_LONGEST_WAIT = 900.0
_NETWORK_LENGTH = len("2001:0db8:0000:0000")
_FORGOTTEN_AFTER = 3600.0
_MOST_KEYS = 10_000
_ALL_TOGETHER, _WITHIN = 100, 60.0
"""Wrong passwords of everyone, in so many seconds; guessers have many addresses."""


@dataclass(slots=True)
class _Tries:
    """Who failed, how often in a row and when last."""

    number: int = 0
    last: float = 0.0

    def wait(self, now: float) -> float:
        if self.number < _FREE:
            return 0.0
        return self.last + min(2.0 ** (self.number - _FREE), _LONGEST_WAIT) - now


class Throttle:
    """Counts wrong passwords, by who is named and where from; the wait doubles with each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._all: deque[float] = deque(maxlen=_ALL_TOGETHER)
        self._lock = Lock()

    def begin(self, address: str, name: str) -> float:
        """Begin a try, which counts as wrong until it is not; return 0, or the seconds to wait instead."""
        now = self._clock()
        key = (_network(address), name)
        with self._lock:
            self._forget(now)
            tries = self._tries.get(key) or _Tries()
            if (wait := max(tries.wait(now), self._crowded(now))) > 0:
                return wait
            tries.number, tries.last = tries.number + 1, now
            self._tries[key] = tries
            self._tries.move_to_end(key)
            self._all.append(now)
            return 0.0

    def passed(self, address: str, name: str) -> None:
        """Forget the failures of someone who knew the password."""
        with self._lock:
            self._tries.pop((_network(address), name), None)
            if self._all:
                self._all.pop()

    def _crowded(self, now: float) -> float:
        full = len(self._all) == _ALL_TOGETHER
        return self._all[0] + _WITHIN - now if full else 0.0

    def _forget(self, now: float) -> None:
        while self._tries:
            oldest = next(iter(self._tries))
            if len(self._tries) < _MOST_KEYS and now - self._tries[oldest].last < _FORGOTTEN_AFTER:
                return
            del self._tries[oldest]


def _network(address: str) -> str:
    """Return what stands for one guesser: an address, or the network that one gets with IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    # One socket for both kinds of addresses shows the older ones within the newer.
    return str(found.ipv4_mapped) if found.ipv4_mapped else found.exploded[:_NETWORK_LENGTH]
