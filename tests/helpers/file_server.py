"""A web server on loopback that gives one file, as well or as badly as it is told to."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Manner = Literal[
    "ranges", "whole", "missing", "page", "half", "wrong", "stall", "circle", "slow", "hub", "broken"
]
_SLOW_PIECE, _SLOW_SECONDS = 4096, 0.05


@dataclass
class FileServer:
    """Gives `data` in its manner; `asked` are the ranges that were asked for, without the first byte's."""

    data: bytes
    manner: Manner = "ranges"
    asked: list[tuple[int, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        """Serve within the block."""
        with _Server(("127.0.0.1", 0), _handler(self)) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                self.stop.set()
                server.shutdown()
                thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for the last answers

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            server.paths.append(self.path)
            with suppress(ConnectionError):
                self._answer()

        def _answer(self) -> None:
            if server.manner == "missing":
                self.send_error(404)
            elif server.manner == "circle":
                self._head(302, 0, Location=self.path)
            elif server.manner == "hub" and "/resolve/" in self.path:
                etag = f'"{sha256(server.data).hexdigest()}"'
                size = {"X-Linked-Size": str(len(server.data)), "X-Linked-Etag": etag}
                self._head(302, 0, Location="/store", **size)
            elif server.manner == "page":
                self._head(200, 9, **{"Content-Type": "text/html; charset=utf-8"})
                self.wfile.write(b"<p>Log in")
            else:
                self._give()

        def _give(self) -> None:
            size = len(server.data)
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if server.manner in ("whole", "half") or found is None:
                self._head(200, size)
                self._send(0, size)
                return
            start, end = int(found[1]), int(found[2]) + 1
            if (start, end) != (0, 1):
                server.asked.append((start, end))
            self._head(206, end - start, **{"Content-Range": f"bytes {start}-{end - 1}/{size}"})
            self._send(start, end)

        def _head(self, status: int, length: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, start: int, end: int) -> None:
            data = server.data[start:end]
            first_byte = end == 1
            if server.manner == "wrong":
                data = bytes(byte ^ 1 for byte in data)
            if server.manner == "half" or (server.manner == "broken" and not first_byte):
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
            elif server.manner == "stall" and not first_byte:
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                server.stop.wait(20)
            elif server.manner == "slow":
                for offset in range(0, len(data), _SLOW_PIECE):
                    self.wfile.write(data[offset : offset + _SLOW_PIECE])
                    if server.stop.wait(_SLOW_SECONDS):
                        return
            else:
                self.wfile.write(data)

    return Handler
