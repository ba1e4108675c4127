"""The names that the page may be called by.

A browser sends the name in its address bar. Where that name leads is up to who owns it, and who owns one may
lead it here: the page answers only to names that cannot belong to a stranger.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOCAL_ENDINGS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Names that no registrar gives away: RFC 6761, 6762, 8375, and ICANN's choice for private networks."""


class Hosts:
    """Knows the names of the page: on loopback this machine's, beyond it those of a private network."""

    def __init__(self, server_name: str, root_path: str = "") -> None:
        self._local = not is_loopback(server_name)
        self._names = {server_name.lower(), "localhost"}
        self._origins: set[str] = set()
        if self._local:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        if "://" in root_path:
            self.allow(root_path)

    def allow(self, url: str) -> None:
        """Take another address that leads here, as a proxy's or a tunnel's."""
        parts = urlsplit(url)
        self._names.add((parts.hostname or "").lower())
        self._origins.add(parts.netloc.lower())

    def knows(self, host: str) -> bool:
        """Return whether a request is for this page, by its Host header."""
        name = name_in(host)
        if name in self._names:
            return True
        try:
            return ip_address(name).is_loopback or self._local
        except ValueError:
            return self._local and bool(name) and ("." not in name or name.endswith(_LOCAL_ENDINGS))

    def same(self, origin: str, host: str) -> bool:
        """Return whether what asks comes from the page itself, by its Origin header."""
        asking = urlsplit(origin).netloc.lower() if "://" in origin else ""
        return bool(asking) and (asking == host.lower() or asking in self._origins)


def is_loopback(server_name: str) -> bool:
    """Return whether only this machine can reach an address.

    Raises: OSError for a name that leads nowhere.
    """
    found = socket.getaddrinfo(server_name, None, type=socket.SOCK_STREAM)
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def name_in(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
