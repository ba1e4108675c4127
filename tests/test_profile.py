"""Speed and memory, measured by the real command: as a table, as JSON and as a picture."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_hf
from conftest import RunCommand

from qwen_chat import profiling
from qwen_chat.model.llamacpp import LlamaCppModel
from qwen_chat.profiling import Point


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"))


def test_the_plan_has_every_combination() -> None:
    points = profiling.plan([1, 2], [1, 4], ["float32", "bfloat16"], [None], [None, "fp8"])
    assert len(points) == len(set(points)) == 16
    assert points[0] == Point(1, 1, "float32")
    assert points[-1].name == "bfloat16 fp8"


def test_torch_over_number_types_caches_and_batches(
    qwen_chat: RunCommand, folder: Path, tmp_path: Path
) -> None:
    words = ["profile", "-c", str(folder), "--contexts", "1,100", "--generate", "12", "--batch-sizes", "1,2"]
    words += ["--dtypes", "float32", "--kv-caches", "none,q8_0"]
    done = qwen_chat(*words, "-o", str(tmp_path / "p.json"), "--plot", str(tmp_path / "p.svg"))
    assert done.returncode == 1  # one cache is not for this kind of checkpoint
    assert "float32 q8_0, batch 1, context 1: --kv-cache q8_0 is not for a safetensors" in done.stdout
    rows = json.loads((tmp_path / "p.json").read_text())
    assert [row["tokens"] for row in rows] == [12, 12, 24, 24, 0, 0, 0, 0]
    for row in rows[:4]:
        assert row["write_speed"] > 0
        assert row["read_speed"] > 0
        assert 0.05 < row["peak_gib"] < 20
        assert row["error"] == ""
    assert "writes tokens/s" in done.stdout
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_a_gguf_file(qwen_chat: RunCommand, tmp_path: Path) -> None:
    done = qwen_chat("profile", "--contexts", "32", "--generate", "8", "-o", str(tmp_path / "p.json"))
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads((tmp_path / "p.json").read_text())
    assert row["tokens"] == 8
    assert row["point"]["context"] == 32


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--contexts", "0"], "--contexts: '0' is not a whole number from 1"),
        (["--contexts", "1,,2"], "--contexts 1,,2: write a list like 1,2,3"),
        (["--batch-sizes", "x"], "--batch-sizes: 'x' is not a whole number"),
        (["--dtypes", "int7"], "must be one of auto, bfloat16, float16, float32"),
        (["--plot", "p.gif"], "--plot p.gif: name a file ending in .svg, .png, .pdf"),
    ],
)
def test_faults(qwen_chat: RunCommand, words: list[str], fault: str) -> None:
    done = qwen_chat("profile", *words)
    assert done.returncode == 2
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_prompt_of_so_many_tokens(model: LlamaCppModel) -> None:
    from qwen_chat.message import Message

    overhead = model.count([Message("user", "")])
    for tokens in (1, 2, 100, 1000):
        text = profiling._prompt(model, overhead + tokens, 1)
        assert model.count([Message("user", text)]) in (overhead + tokens, overhead + tokens + 1)
