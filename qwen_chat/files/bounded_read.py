"""Reads text that a person names by a file, up to a size that a prompt can have."""

import os
import stat
from pathlib import Path

from qwen_chat.errors import UsageError

MAX_BYTES = 8 * 1024 * 1024
"""More than any context holds; read in one go."""


def read_text(path: Path) -> str:
    """Return the text of a file, `\\r\\n` and all.

    Raises: UsageError for what is missing, not a plain file, too large, or not UTF-8 text.
    """
    return decode(read_bytes(path, MAX_BYTES + 1), str(path))


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the first `limit` bytes of a file.

    Raises: UsageError for what is missing, not a plain file, or cannot be read.
    """
    try:
        return _read(path, limit)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _read(path: Path, limit: int) -> bytes:
    # Opening a FIFO would wait for a writer, and Windows would alter line ends.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"cannot read {path}: not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


def decode(data: bytes, name: str) -> str:
    """Return bytes as text.

    Raises: UsageError when there are more than MAX_BYTES, or they are not UTF-8 text.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"{name} is larger than {MAX_BYTES // 2**20} MiB: no context holds it, give a part of it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 text (byte {error.start}): convert it, for example with iconv"
        ) from None
    if "\0" in text:
        raise UsageError(f"{name} is not text: it holds NUL bytes")
    return text
