"""A connection to the engine's process: JSON requests over HTTP, with the key."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

_DATA = b"data: "
_BLOCK_BYTES = 1 << 16


class EngineConnection:
    """One connection to the server at an address; it carries one request at a time.

    With a timeout in seconds, a server that is silent for longer is a fault.

    Raises: OSError, http.client.HTTPException from every method.
    """

    def __init__(self, address: str, key: str, timeout: float | None) -> None:
        self._http = _make_connection(address, timeout)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._http.connect()

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        """Send a request, and return the response, whose body is to be read."""
        self._http.request(method, path, None if body is None else json.dumps(body), self._headers)
        return self._http.getresponse()

    def hang_up(self) -> None:
        """Tell the server that no answer is wanted any more; safe while another thread reads the answer.

        What the server had sent already can still be read; then it closes the connection.
        """
        if (opened := self._http.sock) is not None:
            with suppress(OSError):  # the server may be gone
                opened.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def read_events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield the events of a response as they come; a response that is no stream is one event.

    Raises: OSError, http.client.HTTPException when the connection breaks before the end.
    """
    if response.status != http.client.OK:
        yield json.loads(response.read())
        return
    rest = b""
    while block := response.read1(_BLOCK_BYTES):
        *events, rest = (rest + block).split(b"\n\n")
        for event in events:
            if event.startswith(_DATA):
                yield json.loads(event.removeprefix(_DATA))


def _make_connection(address: str, timeout: float | None) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout)
    return http.client.HTTPConnection(parts.netloc, timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
