"""Measured speeds: what is kept of them, and that nothing about them ever stands in the way."""

import json
import os
from pathlib import Path

import pytest
from command import RunCommand

from qwen_chat.message import Usage
from qwen_chat.model.catalog import speeds

FAST = Usage(100, 20, 50, prefill_seconds=0.5, decode_seconds=2.0)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"12345")
    return path


@pytest.fixture
def file(home: Path) -> Path:
    return home / "state" / "qwen-chat" / "speeds.json"


def test_the_newest_figures_are_kept(checkpoint: Path, file: Path) -> None:
    speeds.record_speed(checkpoint, FAST)
    first = speeds.load_speeds()[checkpoint]
    assert (first.write, first.read, first.size) == (25.0, 160.0, 5)
    speeds.record_speed(checkpoint, Usage(110, 105, 20, prefill_seconds=0.1, decode_seconds=1.0))
    second = speeds.load_speeds()[checkpoint]
    assert (second.write, second.read) == (20.0, 160.0), "five tokens say nothing of reading"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["speeds.json"]


@pytest.mark.parametrize(
    "usage", [Usage(completion_tokens=15, decode_seconds=1), Usage(completion_tokens=50)]
)
def test_too_little_is_not_kept(checkpoint: Path, file: Path, usage: Usage) -> None:
    speeds.record_speed(checkpoint, usage)
    assert not file.exists()


def test_another_file_of_that_name_begins_anew(checkpoint: Path) -> None:
    speeds.record_speed(checkpoint, FAST)
    checkpoint.write_bytes(b"123456")
    speeds.record_speed(checkpoint, Usage(10, 0, 20, 0.1, 1.0))
    assert speeds.load_speeds()[checkpoint].read is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '"x"', "[" * 100_000, '{"/a": 1, "/b": {"write": "x", "read": 1, "size": 2, "when": 3}}'],
)
def test_a_damaged_file_is_as_none(checkpoint: Path, file: Path, text: str) -> None:
    speeds.record_speed(checkpoint, FAST)
    file.write_text(text)
    assert speeds.load_speeds() == {}
    speeds.record_speed(checkpoint, FAST)
    assert list(speeds.load_speeds()) == [checkpoint]


def test_a_link_and_its_target_are_one(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "link.gguf").symlink_to(checkpoint)
    speeds.record_speed(tmp_path / "link.gguf", FAST)
    assert list(speeds.load_speeds()) == [checkpoint]


def test_where_nothing_can_be_written_nothing_is_said(checkpoint: Path, file: Path) -> None:
    file.parent.parent.parent.mkdir(parents=True, exist_ok=True)
    file.parent.parent.write_text("in the way")
    speeds.record_speed(checkpoint, FAST)
    assert speeds.load_speeds() == {}


def test_an_answer_is_noted_and_without_history_it_is_not(
    model_path: Path, file: Path, qwen_chat: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")
    asked = ("-p", "Tell a story of a fox.", "--max-new-tokens", "20")
    assert qwen_chat(*asked, "--no-history").returncode == 0
    assert not file.exists()
    assert qwen_chat(*asked).returncode == 0
    (known,) = json.loads(file.read_text())
    assert known == os.path.realpath(model_path)
    assert speeds.load_speeds()[Path(known)].write > 0
    lines = map(json.loads, qwen_chat("models", "--json").stdout.splitlines())
    listed = {line["checkpoint"]: line for line in lines}
    assert listed["smollm2-135m"]["written_per_second"] > 0
