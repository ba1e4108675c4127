"""What a person sees of a download, on a terminal and in a file, and what is said when it will take long."""

import io
import time

import pytest

from qwen_chat.model.catalog import download_progress
from qwen_chat.model.catalog.download_progress import progress_on


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_progress, "_MEASURED_SECONDS", 0.05)
    monkeypatch.setattr(download_progress, "_LINE_SECONDS", 0.06)
    monkeypatch.setenv("COLUMNS", "80")


def follow(stream: io.StringIO, total: int) -> str:
    progress = progress_on(stream, "Take the small one.")
    progress.say("fetching")
    progress.begin(total, 100_000)
    for step in range(10):
        progress.update(100_000 + step * 10_000)
        time.sleep(0.02)
    progress.end()
    return stream.getvalue()


def test_a_long_download_in_a_file() -> None:
    first, *lines = follow(io.StringIO(), 10**9).splitlines()
    assert first == "fetching"
    assert lines.count("Take the small one.") == 1
    assert any(line.startswith("0 MB of 1.0 GB") for line in lines)
    assert all(line.endswith(" min left") for line in lines if " of " in line)


def test_a_short_download_says_little() -> None:
    assert "small one" not in follow(io.StringIO(), 300_000)


def test_a_long_download_on_a_terminal() -> None:
    drawn = follow(Tty(), 10**9)
    assert drawn.count("Take the small one.") == 1
    assert "/1.0 GB" in drawn
    assert "MB/s" in drawn or "kB/s" in drawn
