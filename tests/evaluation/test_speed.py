"""Speed and memory, measured by the real command: as a table, as JSON and as a picture."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest
import tiny_hf
from command import RunCommand

from qwen_chat.errors import MissingExtraError
from qwen_chat.evaluation import speed
from qwen_chat.evaluation.speed import Point
from qwen_chat.message import Message
from qwen_chat.model.factory import open_model
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings
from qwen_chat.terminal.output import speed_plot


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")


DEMO = Settings(embedded="smollm2-135m", threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"))


def test_the_plan_has_every_combination() -> None:
    points = speed.combine_points([1, 2, 1], [1, 4], ["float32", "bfloat16"], [None], [None, "fp8"])
    assert len(points) == len(set(points)) == 16
    assert points[0] == Point(1, 1, "float32")
    assert points[-1].name == "bfloat16 fp8"


def test_torch_over_caches_and_batches(qwen_chat: RunCommand, folder: Path, tmp_path: Path) -> None:
    words = ["profile", "-c", str(folder), "--contexts", "100", "--generate", "12", "--batch-sizes", "2"]
    words += ["--dtypes", "float32", "--kv-caches", "none,q8_0"]
    done = qwen_chat(*words, "-o", str(tmp_path / "p.json"), "--plot", str(tmp_path / "p.svg"))
    assert (done.returncode, done.stderr) == (1, "")  # one cache is not for this kind of checkpoint
    assert "float32 q8_0, batch 2, context 100: --kv-cache q8_0 is not for a safetensors" in done.stdout
    row, refused = json.loads((tmp_path / "p.json").read_text())
    assert refused["point"] == {**row["point"], "kv_cache": "q8_0"}
    assert refused["tokens"] == 0
    assert row["point"].items() >= {"context": 100, "batch": 2, "dtype": "float32", "kv_cache": None}.items()
    assert row["tokens"] == 24
    assert row["write_speed"] > 0
    assert row["read_speed"] > 0
    assert 0.05 < row["peak_gib"] < 20
    assert row["error"] == ""
    assert "decode tokens/s" in done.stdout
    assert ElementTree.parse(tmp_path / "p.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_a_gguf_file_with_more_rows_than_the_chat_serves(
    qwen_chat: RunCommand, model_path: Path, tmp_path: Path
) -> None:
    words = ["--contexts", "32", "--generate", "8", "--batch-sizes", "1,6"]
    done = qwen_chat(
        "profile", *words, "-o", str(tmp_path / "p.json"), "--plot", str(tmp_path / "p.png"), "--quiet"
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads((tmp_path / "p.json").read_text())
    assert [row["tokens"] for row in rows] == [8, 48]
    assert [row["point"]["batch"] for row in rows] == [1, 6]
    assert all(
        row["peak_gib"] * 2**30 > model_path.stat().st_size for row in rows
    )  # with the engine's memory
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.timing
def test_rows_together_are_not_counted_one_by_one(model_path: Path) -> None:
    """Rows that wait for others cost time: three times as many are not three times as fast."""
    started = time.monotonic()
    row = speed.measure_in_process(DEMO, Point(1, 12), 32)
    assert (row.error, row.tokens) == ("", 12 * 32)
    writing = (row.tokens - 12) / row.write_speed
    assert 0.5 < writing / (time.monotonic() - started) < 1


def test_a_row_that_does_not_fit_is_refused_at_once(qwen_chat: RunCommand) -> None:
    done = qwen_chat("profile", "--contexts", "4000", "--generate", "100", "--batch-sizes", "2")
    assert done.returncode == 1
    assert "batch 2, context 4,000: it needs 8,200 tokens of context, there are 8,192: " in done.stdout


def test_end_tokens_end_nothing_on_torch(tmp_path: Path) -> None:
    folder = tiny_hf.write_checkpoint(tmp_path)
    every = {"eos_token_id": list(range(300))}
    (folder / "generation_config.json").write_text(json.dumps(every))
    settings = Settings(checkpoint_path=str(folder), threads=1, raw=True, dtype="float32")
    _, ending = open_model(settings, StringIO())
    *_, last = ending.stream([Message("user", "a")], SamplingParams(temperature=0, max_new_tokens=9))
    assert last.usage is not None
    assert last.usage.completion_tokens == 1
    ending.close()
    for batch in (1, 2):
        assert speed.measure_in_process(settings, Point(5, batch), 9).tokens == 9 * batch


def test_end_tokens_end_nothing_on_llamacpp(model_path: Path) -> None:
    question = [Message("user", "Say only: yes")]
    tokens: list[int] = []
    for ignore_end in (False, True):
        _, model = open_model(DEMO, StringIO(), ignore_end=ignore_end)
        *_, last = model.stream(question, SamplingParams(temperature=0, max_new_tokens=80))
        model.close()
        assert last.usage is not None
        tokens.append(last.usage.completion_tokens)
    assert tokens[0] < tokens[1] == 80


@pytest.mark.timing
def test_ctrl_c_keeps_what_is_measured(model_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    words = ["profile", "--contexts", "3,8000", "--generate", "2", "-o", str(file)]
    running = subprocess.Popen(
        [sys.executable, "-m", "qwen_chat", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _wait(lambda: file.exists() and file.read_text().count('"tokens"') == 1)
    started = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does it
    out, err = running.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert running.returncode == 130
    assert err.decode() == "stopped after 1 of 2\n"
    assert [line.split()[:4] for line in out.decode().splitlines() if "as set" in line] == [
        ["as", "set", "1", "3"]
    ]
    assert [row["tokens"] for row in json.loads(file.read_text())] == [2]


def test_a_process_that_is_killed_is_a_row(model_path: Path) -> None:
    rows: list[speed.Measurement] = []
    points = [Point(8000), Point(3)]
    thread = Thread(target=lambda: rows.extend(speed.measure_points(DEMO, points, 2)))
    thread.start()
    _wait(lambda: bool(multiprocessing.active_children()))
    multiprocessing.active_children()[0].kill()
    thread.join(60)
    assert [row.error for row in rows] == ["its process was ended (-9): too little memory?", ""]


def test_ctrl_c_is_left_to_the_process_that_was_started_first(model_path: Path) -> None:
    """A terminal sends it to all, and each other process would show a traceback."""
    rows: list[speed.Measurement] = []
    thread = Thread(target=lambda: rows.extend(speed.measure_points(DEMO, [Point(3)], 2)))
    thread.start()
    _wait(lambda: bool(multiprocessing.active_children()))
    (child,) = multiprocessing.active_children()
    while child.is_alive() and child.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
        time.sleep(0.05)
    thread.join(60)
    assert [(row.error, row.tokens) for row in rows] == [("", 2)]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--contexts", "0"], "--contexts: '0' is not a whole number from 1"),
        (["--contexts", "1,,2"], "--contexts 1,,2: write a list like 1,2,3"),
        (["--batch-sizes", "x"], "--batch-sizes: 'x' is not a whole number"),
        (["--dtypes", "int7"], "must be one of auto, bfloat16, float16, float32"),
        (["--generate", "1"], "1 is not in the range x>=2"),
        (["--plot", "p.gif"], "--plot p.gif: name a file ending in .svg, .png, .pdf"),
        (["--plot", "no/p.svg"], "--plot no/p.svg: there is no folder no"),
        (["-o", "no/p.json"], "cannot write no/p.json: No such file or directory"),
        (["-c", "no.gguf"], "no such file or folder: no.gguf"),
    ],
)
def test_faults_are_told_before_anything_is_measured(
    qwen_chat: RunCommand, words: list[str], fault: str
) -> None:
    done = qwen_chat("profile", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_plot_without_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed_plot, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"qwen-chat-apps\[profile\]"):
        speed_plot.check_plot_path(tmp_path / "p.svg")


@pytest.mark.parametrize("number", [0, 3])
def test_a_prompt_has_exactly_so_many_tokens(model: LlamaCppModel, number: int) -> None:
    class Raw:
        """The demo model's tokens, without its template."""

        def count(self, messages: list[Message]) -> int:
            return len(model._http.tokenize(messages[0].content))

    for tokens in (*range(1, 60), 512, 1024):
        text = speed._make_prompt(Raw(), tokens, number)  # type: ignore[arg-type]
        assert Raw().count([Message("user", text)]) == tokens


def _wait(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)
