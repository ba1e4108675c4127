"""Writes a file whole or not at all: a reader, also after a crash, finds the old content or the new."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


def write_atomic(path: Path, content: str, *, owner_only: bool = False) -> None:
    """Replace the file at `path`, or create it; a text's line breaks stay as they are.

    With `owner_only` no other user can read it; otherwise an existing file keeps its mode.

    Raises: OSError.
    """
    with open_atomic(path, owner_only=owner_only) as file:
        file.write(content.encode())


def create_file(path: Path, content: str) -> None:
    """Create the file at `path`.

    Raises: FileExistsError when there is one; other OSErrors when it cannot be written.
    """
    path.open("xb").close()
    try:
        write_atomic(path, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def open_atomic(path: Path, *, owner_only: bool = False) -> Iterator[IO[bytes]]:
    """Yield a file that replaces `path` when the block ends; if the block raises, nothing changes.

    A device or a pipe is written directly, and a symbolic link stays one.

    Raises: OSError.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    # In the same folder, since a file can only be moved in one step within a file system.
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(_create(part, owner_only=owner_only), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not owner_only:
            _copy_mode(target, part)
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _create(part: Path, *, owner_only: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(part, flags, 0o600 if owner_only else 0o666)


def _copy_mode(source: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        target.chmod(stat.S_IMODE(source.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    # Without it a power cut may take the new name back; Windows cannot open folders.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
