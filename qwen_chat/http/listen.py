"""Where a server listens: its socket, and the certificate that it shows."""

import errno
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import UsageError

_PORTS_TRIED = 100
_LAST_PORT = 65535
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Certificate:
    """A TLS certificate; its key may be in the same file."""

    file: Path
    key: Path | None = None
    password: str = ""

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings of a server.

        Raises: UsageError when the files cannot be read or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Given an empty text instead of a function, it would ask for the password on the terminal.
            context.load_cert_chain(self.file, self.key, lambda: self.password)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            mend = "see --ssl-keyfile and --ssl-keyfile-password"
            raise UsageError(f"cannot use the certificate {self.file} ({reason}): {mend}") from None
        return context


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free port.

    Raises: UsageError, which names the next free port when this one is taken.
    """
    try:
        return _listen(host, port)
    except socket.gaierror:
        raise UsageError(
            f"--server-name {host}: no such address here; 127.0.0.1 is this machine alone"
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is taken: {_suggest_port(host, port)}") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"--server-name {host} is not an address of this machine") from None
        raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # A port that was closed a moment ago can be taken; elsewhere this would share a port in use.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _suggest_port(host: str, port: int) -> str:
    for other in range(port + 1, min(port + _PORTS_TRIED, _LAST_PORT) + 1):
        try:
            _listen(host, other).close()
        except OSError:
            continue
        return f"--server-port {other} is free"
    return "--server-port 0 finds one that is free"
