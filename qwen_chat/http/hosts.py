"""The host names that a server answers to.

A browser sends the name of its address bar, and the owner of a name decides where it leads. A stranger could
let a name lead here, so a server answers only to names that cannot belong to a stranger.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOCAL_ENDINGS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Names that no registrar gives away: RFC 6761, 6762, 8375, and ICANN's choice for private networks."""


class Hosts:
    """The names of a server: on loopback those of this machine, beyond it those of a private network."""

    def __init__(self, server_name: str, root_path: str = "") -> None:
        self._private = not is_loopback(server_name)
        self._names = {server_name.lower(), "localhost"}
        self._origins: set[str] = set()
        if self._private:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        if "://" in root_path:
            self.allow(root_path)

    def allow(self, url: str) -> None:
        """Add the address of a proxy or a tunnel that leads here."""
        parts = urlsplit(url)
        self._names.add((parts.hostname or "").lower())
        self._origins.add(parts.netloc.lower())

    def knows(self, host: str) -> bool:
        """Return whether a Host header names this server."""
        name = _host_name(host)
        if name in self._names:
            return True
        try:
            return ip_address(name).is_loopback or self._private
        except ValueError:
            return self._private and bool(name) and ("." not in name or name.endswith(_LOCAL_ENDINGS))

    def is_origin(self, origin: str, host: str) -> bool:
        """Return whether an Origin header names this server, which was called by the Host header `host`."""
        site = urlsplit(origin).netloc.lower() if "://" in origin else ""
        return bool(site) and (site == host.lower() or site in self._origins)


def is_loopback(server_name: str) -> bool:
    """Return whether only this machine can reach an address.

    Raises: OSError for a name that cannot be resolved.
    """
    found = socket.getaddrinfo(server_name, None, type=socket.SOCK_STREAM)
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
