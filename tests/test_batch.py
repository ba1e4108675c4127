"""Many prompts from a file: in order, gone on with after a kill, each fault on its own line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny_hf
from conftest import RunCommand

from qwen_chat.message import Message
from qwen_chat.model.checkpoint import read_checkpoint
from qwen_chat.model.hf.engine import TransformersModel
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

CALM = ("--temperature", "0", "--max-new-tokens", "6", "--quiet")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"))


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(params=["llamacpp", "torch"])
def checkpoint(request: pytest.FixtureRequest, folder: Path) -> tuple[str, ...]:
    """The same command on either engine."""
    return () if request.param == "llamacpp" else ("-c", str(folder), "--dtype", "float32")


def test_every_form_of_a_line(qwen_chat: RunCommand, tmp_path: Path, checkpoint: tuple[str, ...]) -> None:
    prompts = write(
        tmp_path / "p.jsonl",
        "Say hello.",
        {"prompt": "Name a fruit, and nothing else.", "max_tokens": 2, "id": "fruit"},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
        {"custom_id": "openai", "body": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}},
        {"prompt": "A longer question than the others, which is answered last of all. " * 3},
    )
    done = qwen_chat("batch", str(prompts), "-o", str(tmp_path / "a.jsonl"), *CALM, *checkpoint)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    found = answers(tmp_path / "a.jsonl")
    assert [line["id"] for line in found] == [1, "fruit", 3, "openai", 5]
    assert [
        line["usage"]["completion_tokens"] <= most for line, most in zip(found, (6, 2, 6, 1, 6), strict=True)
    ]
    assert all(line["answer"] and line["finish_reason"] in ("stop", "length") for line in found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "a line must be a JSON text or object"),
        ("7", "a line must be a JSON text or object"),
        ("{}", "it has neither prompt nor messages"),
        ('{"prompt": ""}', "the prompt is empty"),
        ('{"prompt": 5}', "a message's content must be a text"),
        ('{"messages": []}', "the prompt is empty"),
        ('{"messages": "hi"}', "messages must be a list"),
        ('{"messages": [{"role": "wizard", "content": "x"}]}', "a role of system, user, assistant"),
        ('{"prompt": "\\ud800"}', "half of a surrogate pair"),
        ('{"prompt": "hi", "temperature": 99}', "temperature=99: must be from 0 to 5"),
        ('{"prompt": "hi", "id": [1]}', "id must be a text or a number"),
        ("[" * 100_000, "recursion"),
        ("\udcff", "not JSON"),
    ],
)
def test_a_bad_line_is_told_in_its_place(tmp_path: Path, line: str, words: str) -> None:
    from threading import Event

    from scripted import ScriptedModel

    from qwen_chat.batch import read_jobs, record, run

    jobs = read_jobs(['"one"', line, '"two"'], SamplingParams(), None)
    model = ScriptedModel("fine")
    lines = [
        json.loads(record(result)) for result in run(model, jobs, batch_size=2, parallel=2, cancel=Event())
    ]
    assert [each.get("answer") for each in lines] == ["fine", None, "fine"]
    assert words in lines[1]["error"]
    assert lines[1]["error"].startswith("line 2: ")


def test_some_errors_make_the_exit_code_one(qwen_chat: RunCommand, tmp_path: Path, folder: Path) -> None:
    prompts = tmp_path / "p.jsonl"
    prompts.write_text('"hi"\n\nbad\n' + json.dumps("x" * 5000) + "\n")
    done = qwen_chat("batch", str(prompts), "-o", str(tmp_path / "a.jsonl"), "-c", str(folder))
    assert done.returncode == 1
    assert "3 answered" in done.stderr
    assert "2 with an error" in done.stderr
    found = answers(tmp_path / "a.jsonl")
    assert found[0]["answer"]
    assert "the prompt has 5,0" in found[2]["error"]


def test_it_goes_on_after_a_kill_and_a_torn_line(tmp_path: Path, folder: Path, qwen_chat: RunCommand) -> None:
    prompts = write(tmp_path / "p.jsonl", *(f"Question {number}" for number in range(120)))
    output = tmp_path / "a.jsonl"
    words = ["batch", str(prompts), "-o", str(output), "-c", str(folder), "--dtype", "float32", *CALM]
    words += ["-s", "1", "--temperature", "1", "--batch-size", "2"]
    process = subprocess.Popen([sys.executable, "-m", "qwen_chat", *words])
    deadline = time.monotonic() + 60
    while (not output.exists() or output.stat().st_size == 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = output.read_bytes()
    with output.open("ab") as file:
        file.write(b'{"id": 99, "answ')
    assert qwen_chat(*words).returncode == 0
    assert output.read_bytes().startswith(kept[: kept.rindex(b"\n") + 1])
    found = answers(output)
    assert [line["id"] for line in found] == list(range(1, 121))
    whole = output.read_bytes()
    again = tmp_path / "again.jsonl"
    assert qwen_chat(*words[:3], str(again), *words[4:]).returncode == 0
    assert [line["answer"] for line in answers(again)] == [line["answer"] for line in found]
    assert qwen_chat(*words).returncode == 0  # nothing is left to do
    assert output.read_bytes() == whole


def test_answers_to_other_prompts_are_not_mixed_in(
    qwen_chat: RunCommand, tmp_path: Path, folder: Path
) -> None:
    prompts, output = tmp_path / "p.jsonl", tmp_path / "a.jsonl"
    words = ("batch", str(prompts), "-o", str(output), "-c", str(folder), *CALM)
    write(prompts, "one", "two")
    assert qwen_chat(*words).returncode == 0
    write(prompts, "one", "other")
    refused = qwen_chat(*words)
    assert refused.returncode == 2
    assert "line 2 of the output answers another prompt: name another -o, or --overwrite" in refused.stderr
    assert qwen_chat(*words, "--overwrite").returncode == 0
    output.write_text("my notes\n")
    refused = qwen_chat(*words)
    assert "line 1 of the output is no batch's answer" in refused.stderr
    assert output.read_text() == "my notes\n"


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, folder: Path) -> None:
    prompts = write(tmp_path / "p.jsonl", *(f"Question {number}" for number in range(3000)))
    output = tmp_path / "a.jsonl"
    words = ["batch", str(prompts), "-o", str(output), "-c", str(folder), "--dtype", "float32"]
    process = subprocess.Popen([sys.executable, "-m", "qwen_chat", *words], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while (not output.exists() or output.stat().st_size == 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"stopped after {len(answers(output))} lines: run it again to go on" in stderr.decode()
    assert "Traceback" not in stderr.decode()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nowhere.jsonl", "-o", "a.jsonl"], "cannot read nowhere.jsonl: No such file"),
        (["p.jsonl", "-o", "no/such/folder/a.jsonl"], "cannot write no/such/folder/a.jsonl"),
        (["p.jsonl"], "Missing option '-o'"),
        (["p.jsonl", "-o", "a.jsonl", "-c", "nowhere"], "no such file or folder: nowhere"),
    ],
)
def test_faults_before_the_work(tmp_path: Path, words: list[str], fault: str) -> None:
    write(tmp_path / "p.jsonl", "hi")
    command = [sys.executable, "-m", "qwen_chat", "batch", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ})
    assert done.returncode == 2
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1


def test_stdin_is_read_as_it_comes(qwen_chat: RunCommand, tmp_path: Path, folder: Path) -> None:
    words = ("batch", "-", "-o", str(tmp_path / "a.jsonl"), "-c", str(folder), *CALM)
    assert qwen_chat(*words, stdin='"one"\n"two"').returncode == 0
    assert [line["id"] for line in answers(tmp_path / "a.jsonl")] == [1, 2]


def test_a_row_says_what_it_says_alone(folder: Path) -> None:
    from qwen_chat.model.base import Answered, Request

    model = TransformersModel(read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32"))
    for params in (SamplingParams(temperature=0), SamplingParams(temperature=1, seed=3)):
        requests = [
            Request(
                [Message("user", "word " * length)], SamplingParams(max_new_tokens=length + 3).over(params)
            )
            for length in (1, 20, 5, 60)
        ]
        together = model.answer(requests)
        for request, answer in zip(requests, together, strict=True):
            alone = list(model.stream(request.messages, request.params))
            assert isinstance(answer, Answered)
            assert answer.text == "".join(delta.text for delta in alone)
            assert (answer.finish_reason, answer.usage.completion_tokens) == (
                alone[-1].finish_reason,
                request.params.max_new_tokens,
            )
    model.close()


def test_too_little_memory_for_a_batch_writes_it_in_halves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_chat.model.base import Answered, Request
    from qwen_chat.model.hf import batching

    model = TransformersModel(read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32"))
    write_rows = batching._write
    sizes: list[int] = []

    def small(engine: Any, rows: Any, cancel: Any) -> Any:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return write_rows(engine, rows, cancel)

    monkeypatch.setattr(batching, "_write", small)
    requests = [Request([Message("user", f"{n}")], SamplingParams(temperature=0)) for n in range(5)]
    assert all(isinstance(answer, Answered) for answer in model.answer(requests))
    assert sizes == [5, 2, 3, 1, 2]
    model.close()
