"""Files that a person names: only regular ones, up to a limit, each fault in one line."""

import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import FileTooLargeError, read_bounded, read_bytes, read_text


def test_the_limit_is_the_last_byte_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(FileTooLargeError, match="larger than 4 bytes"):
        read_bounded(path, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", "FILE is not UTF-8 text (byte 3): convert it, for example with iconv"),
        (b"a\0b", "FILE is not text: it holds NUL bytes"),
        (b"x" * (8 * 2**20 + 1), "FILE is larger than 8 MiB: no context holds it, give a part of it"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_text(path)
    assert str(caught.value).replace(str(path), "FILE") == message


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_file_without_a_size_is_read_whole() -> None:
    content = read_bounded(Path("/proc/self/status"), 1_000_000)
    assert b"Name:" in content
    assert content.endswith(b"\n")
    with pytest.raises(FileTooLargeError):
        read_bounded(Path("/proc/self/status"), 10)


def test_memory_is_taken_by_the_size_and_not_by_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"{}")
    tracemalloc.start()
    read_bounded(path, 2**30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_byte_order_mark_is_dropped_and_line_breaks_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(path) == "a\r\nb"


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a plain file"):
        read_text(tmp_path)
    with pytest.raises(UsageError, match="cannot read that: No such file"):
        read_bytes(tmp_path / "missing", 1, "mend", name="that")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs and no /dev")
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="not a plain file"):
            read_text(path)
