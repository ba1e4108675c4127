"""Downloads one file of known content from several sources, and goes on where an earlier start ended."""

import errno
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest
from itertools import chain
from pathlib import Path

from qwen_chat.errors import DownloadError
from qwen_chat.model.catalog.cache import scan_huggingface_cache, scan_modelscope_cache
from qwen_chat.model.catalog.download_progress import Progress
from qwen_chat.model.catalog.partial_file import PartialFile, discard_part
from qwen_chat.model.catalog.source import Source, SourceError
from qwen_chat.text import format_size

_SPARE_BYTES = 1 << 26
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WRONG = "its bytes are not those of the file"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file and where it can be had; the sources are tried in their order.

    A size of 0 and an empty SHA-256 stand for what only a source can tell. `title` is what people call it.
    """

    name: str
    size: int
    sha256: str
    sources: tuple[Source, ...]
    title: str = ""


def download(file: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Return the file in `folder`, and fetch what is missing of it first.

    The copy in the cache of a hub is used where its bytes are right. A second process waits for the first.

    Raises: DownloadError, with what arrived left for the next start.
    """
    target = folder / file.name
    if is_whole(target, file.size):
        return target
    try:
        with _lock(target, file, progress):
            if not is_whole(target, file.size):
                _Download(file, target, progress).run()
            return target
    except OSError as error:
        reason = f"cannot write in {folder}: {error.strerror or error}"
        room = f"make room for {format_size(file.size)} there"
        mend = room if error.errno in _FULL else "make it a folder that you can write in"
        raise DownloadError(_title(file), reason, mend) from None


def discard(file: RemoteFile, folder: Path) -> None:
    """Remove a file, or what has arrived of it."""
    target = folder / file.name
    target.unlink(missing_ok=True)
    discard_part(target)
    _lock_path(target).unlink(missing_ok=True)


def is_whole(path: Path, size: int) -> bool:
    """Return whether a file has its size; its hash was checked before it was put there."""
    try:
        return path.stat().st_size == size if size else path.is_file()
    except OSError:
        return False


class _Download:
    """One download, with the lock held."""

    def __init__(self, file: RemoteFile, target: Path, progress: Progress) -> None:
        self._file = file
        self._target = target
        self._folder = target.parent
        self._progress = progress
        self._reasons: dict[str, str] = {}
        self._mend = "start again when online"

    def run(self) -> None:
        """Try one source after the other.

        Raises: DownloadError, OSError.
        """
        self._target.unlink(missing_ok=True)  # it is not whole, or a link to what has gone
        self._learn_facts()
        if self._link_cached() or self._salvage():
            return
        self._check_room()
        what = f"{_title(self._file)} ({format_size(self._file.size)}, once)"
        self._progress.say(f"fetching {what} from {self._file.sources[0].name} to {self._folder}")
        if any(map(self._fetch_from, self._file.sources)):
            return
        raise self._error()

    def _learn_facts(self) -> None:
        """Ask the sources for the size and the hash, where they are not known."""
        for source in self._file.sources:
            if self._file.size and self._file.sha256:
                return
            try:
                facts = source.ask()
            except SourceError as error:
                self._give_up(source, error)
                continue
            size, digest = self._file.size or facts.size, self._file.sha256 or facts.sha256
            self._file = replace(self._file, size=size, sha256=digest)
        if not (self._file.size and self._file.sha256):
            raise self._error("" if self._reasons else "no source tells its size and SHA-256")

    def _link_cached(self) -> bool:
        """Use the same file in a hub's cache, by a link."""
        for stored in chain(scan_huggingface_cache(), scan_modelscope_cache()):
            path = stored.path.resolve()
            if stored.path.name == self._file.name and is_whole(path, self._file.size):
                with path.open("rb") as cached:
                    digest = file_digest(cached, "sha256").hexdigest()
                if digest == self._file.sha256:
                    self._target.symlink_to(path)
                    return True
        return False

    def _salvage(self) -> bool:
        """Use what lies in the folder, from a client that a person ran or a start that died."""
        with self._open_part() as part:
            for source in self._file.sources:
                source.salvage(part, self._folder)
            return part.complete and self._finish(part)

    def _check_room(self) -> None:
        with self._open_part() as part:
            missing = part.size - part.arrived
        free = shutil.disk_usage(self._folder).free
        if free < missing + _SPARE_BYTES:
            reason = f"it needs {format_size(missing)} in {self._folder}, {format_size(free)} are free"
            raise DownloadError(_title(self._file), reason, "make room there")

    def _fetch_from(self, source: Source) -> bool:
        try:
            # Bytes of several sources that do not fit together may be the fault of an earlier one.
            return self._attempt(source) or self._attempt(source)
        except SourceError as error:
            self._give_up(source, error)
            return False

    def _attempt(self, source: Source) -> bool:
        """Fetch from one source; return False when bytes from before may be wrong, and are gone now."""
        with self._open_part() as part:
            self._progress.begin(part.size, part.arrived)
            try:
                source.fetch(part, self._folder, self._progress.update)
            except KeyboardInterrupt:
                self._progress.end()
                self._progress.say(_stopped(part))
                raise
            finally:
                self._progress.end()
            if self._finish(part):
                return True
            if not part.resumed:
                raise SourceError(_WRONG)
            return False

    def _finish(self, part: PartialFile) -> bool:
        if part.hash() == self._file.sha256:
            part.place()
            return True
        part.discard()
        return False

    def _open_part(self) -> PartialFile:
        return PartialFile(self._target, self._file.size, self._file.sha256)

    def _error(self, reason: str = "") -> DownloadError:
        reasons = "; ".join(f"{name}: {why}" for name, why in self._reasons.items())
        return DownloadError(_title(self._file), reason or reasons, self._mend)

    def _give_up(self, source: Source, error: SourceError) -> None:
        self._reasons[source.name] = str(error)
        self._mend = source.mend(self._folder)
        others = self._file.sources[self._file.sources.index(source) + 1 :]
        if others:
            self._progress.say(f"{source.name}: {error}; trying {others[0].name}")


@contextmanager
def _lock(target: Path, file: RemoteFile, progress: Progress) -> Generator[None, None, None]:
    from filelock import FileLock, Timeout

    lock = FileLock(_lock_path(target))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"waiting for another qwen-chat to finish fetching {_title(file)}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _stopped(part: PartialFile) -> str:
    kept = f"{format_size(part.arrived)} of {format_size(part.size)} are kept"
    return f"stopped: {kept}, and the next start goes on from there" if part.arrived else "stopped"


def _lock_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.lock")


def _title(file: RemoteFile) -> str:
    return file.title or file.name
