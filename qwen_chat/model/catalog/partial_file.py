"""A file that arrives in pieces, with a record of those that arrived, so that a killed download can go on."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TextIO

from qwen_chat.model.catalog.byte_ranges import ByteRanges, Range

_HASHED_AT_ONCE = 1 << 25
_READ_BYTES = 1 << 20


class PartialFile:
    """The bytes of one file that have arrived so far; safe to use from several threads.

    The record beside it grows by a line after each write, so a killed process loses nothing that is recorded.
    A power cut can: the hash tells at the end.

    Raises: OSError when the file cannot be written, as on a full disk.
    """

    def __init__(self, target: Path, size: int, digest: str) -> None:
        self.target = target
        self.size = size
        self.digest = digest
        self._path, self._record_path = _part_paths(target)
        self._lock = Lock()
        self._ranges = _read_record(self._path, self._record_path, size, digest)
        self.resumed = self._ranges.total > 0
        """Whether bytes had arrived before, perhaps from another source."""
        self._hash, self._hashed = sha256(), 0
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        self._open = True
        try:
            os.ftruncate(self._file, size)
            self._record = self._begin_record()
        except OSError:
            os.close(self._file)
            if not self.resumed:
                discard_part(target)
            raise

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def arrived(self) -> int:
        """The number of bytes that have arrived."""
        with self._lock:
            return self._ranges.total

    @property
    def complete(self) -> bool:
        """Whether all bytes have arrived."""
        return self.arrived == self.size

    def missing(self, start: int = 0, end: int | None = None) -> list[Range]:
        """Return the ranges of bytes that are missing between `start` and `end`."""
        with self._lock:
            return self._ranges.missing(start, self.size if end is None else end)

    def write(self, offset: int, data: bytes) -> None:
        """Write those of the bytes that had not arrived; a late write after `close` does nothing."""
        view = memoryview(data)
        with self._lock:
            if not self._open:
                return
            for start, end in self._ranges.missing(offset, min(offset + len(data), self.size)):
                _write_at(self._file, view[start - offset : end - offset], start)
                self._ranges.add(start, end)
                self._record.write(f"{start} {end}\n")

    def hash_some(self) -> None:
        """Hash more of the bytes that arrived without a gap, so that less is left to hash at the end."""
        with self._lock:
            end = min(self._ranges.prefix, self._hashed + _HASHED_AT_ONCE)
        while self._hashed < end:
            block = os.pread(self._file, min(_READ_BYTES, end - self._hashed), self._hashed)
            self._hash.update(block)
            self._hashed += len(block)

    def hash(self) -> str:
        """Return the SHA-256 of the whole file."""
        while self._hashed < self.size:
            self.hash_some()
        return self._hash.hexdigest()

    def place(self) -> None:
        """Put the complete file where it belongs, at once; later starts check only its size."""
        os.fsync(self._file)
        self.close()
        self._path.replace(self.target)
        self._record_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the bytes and the record."""
        self.close()
        discard_part(self.target)

    def close(self) -> None:
        """Close the files; with bytes in them, they stay for a later start."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            os.close(self._file)
            self._record.close()
            if not self._ranges.total:
                discard_part(self.target)

    def _begin_record(self) -> TextIO:
        lines = [f"{self.size} {self.digest}", *(f"{start} {end}" for start, end in self._ranges)]
        self._record_path.write_text("\n".join([*lines, ""]), encoding="ascii")
        return self._record_path.open("a", encoding="ascii", buffering=1)


def discard_part(target: Path) -> None:
    """Remove what has arrived of the file `target`."""
    for path in _part_paths(target):
        path.unlink(missing_ok=True)


def _part_paths(target: Path) -> tuple[Path, Path]:
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.ranges")


def _read_record(path: Path, record: Path, size: int, digest: str) -> ByteRanges:
    """Return what had arrived of the same file; nothing, if the record is of another one or damaged."""
    arrived = ByteRanges()
    with suppress(OSError, ValueError):
        # The last line may be torn; only a whole one ends with a line break.
        lines = record.read_text(encoding="ascii").split("\n")[:-1]
        if path.stat().st_size == size and lines[:1] == [f"{size} {digest}"]:
            for line in lines[1:]:
                start, end = map(int, line.split())
                arrived.add(start, min(end, size))
    return arrived


def _write_at(file: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(file, data, offset)
        data, offset = data[count:], offset + count
