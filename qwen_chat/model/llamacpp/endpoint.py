"""The address that the engine's process listens at.

It is a Unix socket in a private folder: no other user can reach it, and it works on a machine whose network
is down, loopback included. Where there are no such sockets, as on Windows, or the path of the temporary
folder is too long for one, it is a loopback port. Both require a random key.
"""

import os
import secrets
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_PREFIX, _SOCKET = "qwen-chat-engine-", "llama.sock"

_MAX_SOCKET_PATH = 103
"""Bytes that macOS accepts; Linux accepts 107."""

_STARTING_SECONDS = 3600
"""An engine listens at its socket within a second, but a machine may sleep in between."""


class Endpoint:
    """Where a server is to listen: at `socket`, or at a loopback port where that is None; `key` admits."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(32)
        self._folder = _private_folder() if _takes_sockets(gettempdir()) else None
        self.socket = str(Path(self._folder.name) / _SOCKET) if self._folder else None
        self.host = self.socket or "127.0.0.1"

    def close(self) -> None:
        """Remove the socket."""
        if self._folder is not None:
            self._folder.cleanup()


def _takes_sockets(folder: str) -> bool:
    """Return whether a socket in a folder of ours within `folder` has a path that the system accepts."""
    path = Path(folder) / f"{_PREFIX}{'x' * 8}" / _SOCKET
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= _MAX_SOCKET_PATH


def _private_folder() -> TemporaryDirectory[str]:
    """Make a folder that no other user can enter, and remove the folders of killed processes."""
    folder = TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    for other in Path(folder.name).parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - other.stat().st_mtime > _STARTING_SECONDS and not _is_served(other):
                shutil.rmtree(other)
    return folder


def _is_served(folder: Path) -> bool:
    """Return whether a process listens in the folder.

    Raises: OSError where that cannot be told.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder / _SOCKET))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True
