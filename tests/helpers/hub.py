"""A hub on loopback: gives files by ranges, with their SHA-256, as Hugging Face does."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

_BLOCK_BYTES = 1 << 16
_SLOW_BYTES, _SLOW_SECONDS = 1 << 13, 0.2


@dataclass
class Hub:
    """What the hub has, by path, and what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """The path and the first byte of each request."""
    slow_from: int | None = None
    """Bytes from here on come slowly until `release` is set."""
    release: Event = field(default_factory=Event)

    def put(self, repository: str, name: str, data: bytes) -> None:
        """Add a file to a repository."""
        self.files[f"/{repository}/resolve/main/{name}"] = data


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        """Send the file, or the range that is asked for."""
        data = self.hub.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        assert wanted is not None
        start, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        self.hub.asked.append((self.path, start))
        self.send_response(206)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("X-Linked-Etag", f'"{sha256(data).hexdigest()}"')
        self.end_headers()
        while start < end:
            slow = self.hub.slow_from is not None and start >= self.hub.slow_from
            # A server that sends nothing at all is left for another one.
            slow = slow and not self.hub.release.wait(_SLOW_SECONDS)
            block = data[start : min(start + (_SLOW_BYTES if slow else _BLOCK_BYTES), end)]
            self.wfile.write(block)
            start += len(block)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing."""


@contextmanager
def serve_hub() -> Generator[Hub]:
    """Serve a hub without files."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # clients leave
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
