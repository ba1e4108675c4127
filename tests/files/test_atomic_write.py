"""Files are written whole or not at all, with the mode they had."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from qwen_chat.files.atomic_write import create_file, open_atomic, write_atomic

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and pipes are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.txt"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_created_and_replaced(path: Path) -> None:
    write_atomic(path, "a\r\nb\n")
    write_atomic(path, "ü\r\n")
    assert path.read_bytes() == "ü\r\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_changes_nothing(path: Path) -> None:
    path.write_text("old")
    with pytest.raises(TypeError), open_atomic(path) as file:
        file.writelines([b"half of the n", None])  # type: ignore[list-item]
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(path: Path) -> None:
    contents = {letter * 200_000 for letter in "ab"}
    write_atomic(path, min(contents))

    def write() -> None:
        for content in sorted(contents) * 20:
            write_atomic(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert path.read_text() in contents
    writer.join()


@posix
def test_modes(path: Path) -> None:
    write_atomic(path, "", owner_only=True)
    assert mode_of(path) == 0o600
    path.chmod(0o640)
    write_atomic(path, "kept")
    assert mode_of(path) == 0o640
    write_atomic(path, "", owner_only=True)
    assert mode_of(path) == 0o600


@posix
def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    path.symlink_to(target)
    write_atomic(path, "new")
    assert path.is_symlink()
    assert target.read_text() == "new"


@posix
def test_a_pipe_is_written_directly(path: Path) -> None:
    os.mkfifo(path)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    write_atomic(path, "through")
    reader.join(10)
    assert received == [b"through"]
    assert path.is_fifo()


def test_an_existing_file_is_never_replaced_by_a_new_one(path: Path) -> None:
    create_file(path, "first")
    with pytest.raises(FileExistsError):
        create_file(path, "second")
    assert path.read_text() == "first"


def test_a_new_file_that_cannot_be_written_is_not_there(path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        create_file(path, "\ud800")
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", "")
