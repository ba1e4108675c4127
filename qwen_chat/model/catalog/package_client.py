"""Downloads a package with the environment's own client: pip or uv."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event

_POLL_SECONDS = 0.05


def download_command(requirements: Sequence[str], into: Path) -> list[str] | None:
    """Return the command that downloads packages into a folder, or None without any client.

    Error messages show the command, so it has few options; `run_client` sets the others by environment.
    """
    download = ["download", "--no-deps", "-d", str(into), *requirements]
    if has_pip():
        return [sys.executable, "-m", "pip", *download]
    if uv := shutil.which("uv"):
        install = ["pip", "install", "--python", sys.executable, "--no-deps"]
        return [uv, *install, "--target", str(into), *requirements]
    pip = shutil.which("pip3")
    return [pip, *download] if pip else None


def ensurepip_command() -> list[str]:
    """Return the command that gives this Python its own pip."""
    return [sys.executable, "-m", "ensurepip"]


def has_pip() -> bool:
    """Return whether this Python has pip.

    Only the path is searched: setuptools' import hook takes any other search for the start of pip itself,
    and stops replacing distutils in this process.
    """
    return PathFinder.find_spec("pip") is not None


def run_client(command: list[str], work: Path, stop: Event) -> str:
    """Run a download command, and return the reason of its failure, or "".

    Temporary files go to `work`. Once `stop` is set, the client is ended.
    """
    import subprocess

    with TemporaryFile(dir=work) as errors:
        client = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=_environment(work),
        )
        try:
            while client.poll() is None and not stop.wait(_POLL_SECONDS):
                pass
        finally:
            client.terminate()
            client.wait()
        errors.seek(0)
        return _failure_reason(errors.read().decode(errors="replace")) if client.returncode else ""


def quote_command(command: list[str]) -> str:
    """Return a command as a person would type it."""
    from subprocess import list2cmdline

    return list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _environment(work: Path) -> dict[str, str]:
    wanted = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ONLY_BINARY": ":all:"}
    # The client's temporary files go to our folder, which has room and is cleaned up after a dead run.
    # PYTHONSAFEPATH keeps a pip.py in the current folder from being run.
    wanted |= {"PYTHONSAFEPATH": "1", "UV_NO_BUILD": "1"}
    # Another copy in the client's cache would take as much of the disk again.
    wanted |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    wanted |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
    return {"PIP_RETRIES": "2", **os.environ, **wanted}


def _failure_reason(errors: str) -> str:
    if "Retrying (" in errors:
        return "no network?"
    lines = errors.strip().splitlines()
    # pip marks its errors with one of these, and prints hints after them.
    faults = re.findall(r"^(?:ERROR:|\u00d7) (.+)", errors, re.M) or lines or ["no network?"]
    return str(faults[-1])[:160]
