"""The address that the page is served at: a socket, and the certificate shown to who connects."""

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
    """What the page proves with that it is the one it says; its key may stand in the same file."""

    file: Path
    key: Path | None = None
    password: str = ""

    def context(self) -> ssl.SSLContext:
        """Return what a server answers with.

        Raises: UsageError when the files cannot be read or do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Given a text, it would ask on the terminal where that is empty.
            context.load_cert_chain(self.file, self.key, lambda: self.password)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            mend = "see --ssl-keyfile and --ssl-keyfile-password"
            raise UsageError(f"cannot use the certificate {self.file} ({reason}): {mend}") from None
        return context


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; with port 0, at any that is free.

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
            raise UsageError(f"port {port} is taken: {_another(host, port)}") from None
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
            # A port that was left a moment ago is free; elsewhere this would share one that is not.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _another(host: str, port: int) -> str:
    for other in range(port + 1, min(port + _PORTS_TRIED, _LAST_PORT) + 1):
        try:
            _listen(host, other).close()
        except OSError:
            continue
        return f"--server-port {other} is free"
    return "--server-port 0 finds one that is free"
