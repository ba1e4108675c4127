"""Reads a file that a person names: regular files only, up to a limit, and never waiting for a writer."""

import errno
import os
import stat
from pathlib import Path

from qwen_chat import i18n
from qwen_chat.errors import UsageError

MAX_TEXT_BYTES = 8 * 2**20
"""More than any context holds."""


class NotRegularFileError(OSError):
    """The path is a folder, a pipe, a socket or a device."""


class FileTooLargeError(OSError):
    """The file has more bytes than the limit."""


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the content of a regular file.

    Raises: OSError when it is missing or cannot be read; NotRegularFileError; FileTooLargeError when it has
    more than `limit` bytes.
    """
    # Opening a FIFO would wait for a writer, and Windows would alter line breaks.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularFileError(errno.EINVAL, "not a plain file")
        content = _read_up_to(descriptor, status.st_size, limit)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise FileTooLargeError(errno.EFBIG, f"larger than {_format_limit(limit)}")
    return content


def _read_up_to(descriptor: int, size: int, limit: int) -> bytes:
    """Return the content, one byte more than the limit at most; memory for it is taken by its size."""
    expected = min(size, limit)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(expected + 1)
        # More than expected: the file grows, or it is one of /proc, which have no size.
        return content + file.read(limit - expected) if len(content) > expected else content


def read_bytes(path: Path, limit: int, mend: str, *, name: str = "") -> bytes:
    """Return the content of a file; `mend` says what to do about one that has more than `limit` bytes.

    Raises: UsageError that calls the file `name`, or else by its path, and tells its fault.
    """
    try:
        return read_bounded(path, limit)
    except FileTooLargeError:
        raise too_large(name or path, limit, mend) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(i18n.Text("file.unreadable", name=name or str(path), reason=str(reason))) from None


def read_text(path: Path) -> str:
    r"""Return the text of a file that is to stand in a prompt; its \r\n stay.

    Raises: UsageError for a file that is missing, not regular, too large for any context, or not UTF-8.
    """
    return decode_text(read_bytes(path, MAX_TEXT_BYTES, i18n.Text("file.mend_give_part")), str(path))


def decode_text(data: bytes, name: str) -> str:
    """Return the text of a file with this content; `name` is what a person calls it.

    Raises: UsageError when it has more than MAX_TEXT_BYTES, is not UTF-8, or holds NUL bytes.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise too_large(name, MAX_TEXT_BYTES, i18n.Text("file.mend_give_part"))
    text = decode_utf8(data, name)
    if "\0" in text:
        raise UsageError(i18n.Text("file.has_nul", name=name))
    return text


def decode_utf8(data: bytes, name: str) -> str:
    """Return bytes as text, without a byte order mark.

    Raises: UsageError that names the first byte that is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(i18n.Text("file.not_utf8", name=name, byte=str(error.start))) from None


def too_large(name: Path | str, limit: int, mend: str) -> UsageError:
    """Return the error for a file with more than `limit` bytes."""
    return UsageError(i18n.Text("file.too_large", name=str(name), limit=_format_limit(limit), mend=mend))


def _format_limit(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit % 2**20 == 0 else f"{limit:,} bytes"
