"""A client of llama.cpp's HTTP interface in this process, which tokenizes and renders templates.

The server listens on a Unix socket in a private folder: no other user can reach it, and it works on a machine
whose network is down, loopback included. Where there are no such sockets, as on Windows, or the path of the
temporary folder is too long for one, it listens on a loopback port. Both require a random key.
"""

import http.client
import json
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from qwen_chat.errors import ModelError

_PREFIX, _SOCKET = "qwen-chat-engine-", "llama.sock"

_MAX_SOCKET_PATH = 103
"""Bytes that macOS accepts; Linux accepts 107."""

_TIMEOUT_SECONDS = 30.0
"""A hostile chat template may loop for ever; a request to it must not."""


class Endpoint:
    """The address that llama.cpp listens at: `host` for its options, and the `key` that requests need."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(32)
        self._folder = _private_folder() if _takes_sockets(gettempdir()) else None
        self.host = str(Path(self._folder.name) / _SOCKET) if self._folder else "127.0.0.1"

    def close(self) -> None:
        """Remove the socket."""
        if self._folder is not None:
            self._folder.cleanup()


class LlamaHttpClient:
    """A client of llama.cpp's server in this process.

    Raises: ModelError from every method, when the server refuses or does not answer.
    """

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._lock = Lock()
        self._connection: http.client.HTTPConnection | None = None

    def wait_until_running(self) -> None:
        """Wait until the loop runs that answers requests.

        A server that is freed earlier tells a loop to end that has not begun, and then waits for ever.
        """
        self._call("GET", "/lora-adapters")  # of all requests that the loop answers, the smallest

    def props(self) -> dict[str, Any]:
        """Return the properties of the server: template, context, default sampling."""
        return self._call("GET", "/props")

    def tokenize(self, text: str, *, control: bool = False, start: bool = False) -> list[int]:
        """Return the ids of `text`; `control` parses control tokens, `start` adds the start of a prompt."""
        body = {"content": text, "parse_special": control, "add_special": start}
        return list(self._call("POST", "/tokenize", body)["tokens"])

    def pieces(self, ids: list[int]) -> list[bytes]:
        """Return the bytes of each token."""
        answer = self._call("POST", "/tokenize", {"content": ids, "with_pieces": True})
        return [_decode_piece(token["piece"]) for token in answer["tokens"]]

    def apply_template(
        self, messages: list[dict[str, Any]], variables: Mapping[str, bool], tools: list[dict[str, Any]]
    ) -> str:
        """Return the prompt that the checkpoint's own chat template renders."""
        request = {
            "messages": messages,
            "chat_template_kwargs": variables,
            **({"tools": tools} if tools else {}),
        }
        return str(self._call("POST", "/apply-template", request)["prompt"])

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._disconnect()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body)
        with self._lock:
            try:
                status, text = self._exchange(method, path, data)
            except (OSError, http.client.HTTPException) as error:
                self._disconnect()
                raise ModelError(f"llama.cpp does not answer {path}: {error}") from None
        answer: dict[str, Any] = json.loads(text) if text.startswith(b"{") else {}
        if status != http.client.OK:
            raise ModelError(f"llama.cpp refused {path}: {answer.get('error', {}).get('message', status)}")
        return answer

    def _exchange(self, method: str, path: str, data: str | None) -> tuple[int, bytes]:
        for attempt in (1, 2):
            try:
                if self._connection is None:
                    self._connection = _connect(self._address)
                self._connection.request(method, path, data, self._headers)
                response = self._connection.getresponse()
                return response.status, response.read()
            except (ConnectionError, http.client.RemoteDisconnected):
                # The server closes an idle connection: one new connection is tried.
                self._disconnect()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _takes_sockets(folder: str) -> bool:
    """Return whether a socket in a folder of ours within `folder` has a path that the system accepts."""
    path = Path(folder) / f"{_PREFIX}{'x' * 8}" / _SOCKET
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= _MAX_SOCKET_PATH


def _private_folder() -> TemporaryDirectory[str]:
    """Make a folder that no other user can enter, and remove the folders of killed processes."""
    folder = TemporaryDirectory(prefix=_PREFIX)
    for path in Path(folder.name).parent.glob(f"{_PREFIX}*/{_SOCKET}"):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                shutil.rmtree(path.parent)
    return folder


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connect(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path)
    return http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)


def _decode_piece(piece: str | list[int]) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)
