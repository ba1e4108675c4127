"""Many prompts from a file: in order, gone on with after a kill, each fault on its own line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest
import tiny_hf
import warm
from command import RunCommand
from driver import Terminal
from scripted import ScriptedModel

from qwen_chat.batch import FinishedLines, Job, format_result, read_jobs, run_jobs, skip_finished
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.message import Delta
from qwen_chat.model.base import PLAIN, Cancel, Chat, CompletedAnswer, Deltas, PromptOptions
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


def until_written(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size == 0:
        assert time.monotonic() < deadline, "no answer came"
        time.sleep(0.01)


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
        ('{"prompt": 5}', "'prompt' must be text"),
        ('{"messages": []}', "the prompt is empty"),
        ('{"messages": "hi"}', "'messages' must be a list"),
        (
            '{"messages": [{"role": "wizard", "content": "x"}]}',
            "'messages[0].role' must be one of system, user",
        ),
        ('{"prompt": "\\ud800"}', "'prompt' must be valid text"),
        ('{"prompt": "hi", "temperature": 99}', "temperature=99: must be from 0 to 5"),
        ('{"prompt": "hi", "id": [1]}', "'id' must be a whole number or text"),
        ('{"prompt": "hi", "id": true}', "'id' must be a whole number or text"),
        ('{"prompt": "hi", "id": "\\ud800"}', "'id' must be valid text"),
        ('{"prompt": "hi", "seed": "\\ud800"}', "seed=?: must be a number"),
        ("[" * 100_000, "nested too deeply"),
        ("\udcff", "not JSON"),
    ],
)
def test_a_bad_line_is_told_in_its_place(tmp_path: Path, line: str, words: str) -> None:
    jobs = read_jobs(['"one"', line, '"two"'], SamplingParams(), None)
    model = ScriptedModel("fine")
    lines = [
        json.loads(format_result(result))
        for result in run_jobs(model, jobs, batch_size=2, parallel=2, cancel=Event())
    ]
    assert [each.get("answer") for each in lines] == ["fine", None, "fine"]
    assert words in lines[1]["error"]
    assert lines[1]["error"].startswith("line 2: ")


def test_a_line_without_an_id_gets_its_number() -> None:
    lines = ['{"prompt": "hi", "id": null}', '{"body": {"messages": [{"role": "user", "content": "hi"}]}}']
    assert [job.id for job in read_jobs(lines, SamplingParams(), None)] == [1, 2]


@pytest.mark.parametrize("fault", [ModelError("too bad"), KeyError("odd")])
def test_a_fault_of_the_engine_is_its_lines_own(fault: Exception) -> None:
    jobs = read_jobs(['"one"', '"two"'], SamplingParams(), None)
    found = list(run_jobs(ScriptedModel("so", fault), jobs, batch_size=2, parallel=2, cancel=Event()))
    assert [type(answer) for _, answer in found] == [ModelError, ModelError]
    assert all(str(fault) in str(answer) for _, answer in found)


class Late(ScriptedModel):
    """Answers the prompt 0 when `late` is set, and each other prompt at once."""

    def __init__(self, late: Event) -> None:
        super().__init__()
        self.late = late

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the prompt again."""
        if messages[0].content == "0":
            self.late.wait(30)
        yield Delta(messages[0].content, finish_reason="stop")


def test_order_holds_and_few_lines_are_read_ahead() -> None:
    late, read, seen = Event(), list[int](), list[int]()

    def lines() -> Iterator[str]:
        for number in range(50):
            read.append(number)
            yield f'"{number}"'

    def release() -> None:
        seen.append(len(read))
        late.set()

    jobs = read_jobs(lines(), SamplingParams(), None)
    Timer(0.3, release).start()
    results = run_jobs(Late(late), jobs, batch_size=1, parallel=3, cancel=Event())
    texts = [answer.text for _, answer in results if isinstance(answer, CompletedAnswer)]
    assert texts == [str(number) for number in range(50)]
    assert seen == [6]


def test_leaving_early_ends_the_work() -> None:
    cancel, never = Event(), Event()
    jobs = read_jobs(['"one"', '"two"'], SamplingParams(), None)
    results = run_jobs(ScriptedModel("so", never), jobs, batch_size=1, parallel=1, cancel=cancel)
    Timer(0.2, cancel.set).start()
    assert list(results) == []


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
    again = qwen_chat("batch", str(prompts), "-o", str(tmp_path / "a.jsonl"), "-c", str(folder))
    assert (again.returncode, again.stderr) == (
        1,
        "0 answered, 3 before, 0.0 tokens/s; 2 with an error\n",
    )


def test_it_goes_on_after_a_kill_and_a_torn_line(tmp_path: Path, folder: Path, qwen_chat: RunCommand) -> None:
    prompts = write(tmp_path / "p.jsonl", *(f"Question {number}" for number in range(120)))
    output = tmp_path / "a.jsonl"
    words = ["batch", str(prompts), "-o", str(output), "-c", str(folder), "--dtype", "float32", *CALM]
    words += ["-s", "1", "--temperature", "1", "--batch-size", "2"]
    process = warm.popen([sys.executable, "-m", "qwen_chat", *words], modules=warm.TORCH)
    until_written(output)
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


@pytest.mark.parametrize(
    "text", ["my notes\n", "my notes", '{"id": 1, "prompt": "x"}', '{"id": 1}\n', "[" * 100_000, "\0\0"]
)
def test_a_file_that_is_no_batchs_is_left_alone(text: str) -> None:
    jobs = read_jobs(['"one"'], SamplingParams(), None)
    with pytest.raises(UsageError, match="line 1 of the output is no batch's answer: name another -o"):
        skip_finished(BytesIO(text.encode()), jobs)


def test_a_line_torn_anywhere_is_answered_again() -> None:
    def jobs() -> Iterator[Job]:
        return read_jobs(['{"prompt": "a", "id": "ü"}', '"b"'], SamplingParams(), None)

    answered = run_jobs(ScriptedModel("fine"), jobs(), batch_size=1, parallel=1, cancel=Event())
    first, second = (f"{format_result(result)}\n".encode() for result in answered)
    for length in range(len(second)):
        left = jobs()
        assert skip_finished(BytesIO(first + second[:length]), left) == FinishedLines(1, 0, len(first))
        assert [job.id for job in left] == [2]
    assert skip_finished(BytesIO(first + second), jobs()) == FinishedLines(2, 0, len(first + second))


@pytest.mark.parametrize("source", ["p.jsonl", "-"])
def test_the_prompts_themselves_are_never_written_over(tmp_path: Path, source: str) -> None:
    prompts = write(tmp_path / "p.jsonl", "one")
    before = prompts.read_bytes()
    (tmp_path / "link").symlink_to(prompts)
    command = [sys.executable, "-m", "qwen_chat", "batch", source, "-o", "link", "--overwrite"]
    with prompts.open("rb") as stdin:
        done = warm.run(command, stdin=stdin, cwd=tmp_path)
    assert done.returncode == 2
    assert b"link holds the prompts: name another file with -o" in done.stderr
    assert prompts.read_bytes() == before


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, folder: Path) -> None:
    prompts = write(tmp_path / "p.jsonl", *(f"Question {number}" for number in range(3000)))
    output = tmp_path / "a.jsonl"
    words = ["batch", str(prompts), "-o", str(output), "-c", str(folder), "--dtype", "float32"]
    command = [sys.executable, "-m", "qwen_chat", *words]
    process = warm.popen(command, stderr=subprocess.PIPE, modules=warm.TORCH)
    until_written(output)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"stopped after {len(answers(output))} lines: run it again to continue" in stderr.decode()
    assert "Traceback" not in stderr.decode()


@pytest.mark.timing
def test_ctrl_c_does_not_wait_for_an_answer_that_was_begun(tmp_path: Path, model_path: Path) -> None:
    prompts = write(tmp_path / "p.jsonl", "Say hi.", {"prompt": "Tell a long story.", "max_tokens": 4000})
    output = tmp_path / "a.jsonl"
    words = ["batch", str(prompts), "-o", str(output), "-c", str(model_path), "--max-new-tokens", "2"]
    process = warm.popen([sys.executable, "-m", "qwen_chat", *words], stderr=subprocess.PIPE)
    until_written(output)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - pressed < 5
    assert (process.returncode, stderr) == (130, b"stopped after 1 lines: run it again to continue\n")
    assert len(answers(output)) == 1


def test_a_terminal_shows_how_far_it_is(tmp_path: Path, folder: Path) -> None:
    prompts = write(tmp_path / "p.jsonl", *(f"Question {number}" for number in range(400)))
    output = str(tmp_path / "a.jsonl")
    words = ("batch", str(prompts), "-o", output, "-c", str(folder), "--batch-size", "4")
    terminal = Terminal(*words, modules=warm.TORCH)
    terminal.wait_for(lambda text: re.search(r"answering .* \d+/400 .*tok/s 0:0\d:\d\d", text) is not None)
    assert terminal.leave("\x03") == 130
    assert "run it again to continue" in terminal.text()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["p.jsonl", "-o", "/dev/null"], "cannot write /dev/null: not a regular file"),
        (["nowhere.jsonl", "-o", "a.jsonl"], "cannot read nowhere.jsonl: No such file"),
        (["p.jsonl", "-o", "no/such/folder/a.jsonl"], "cannot write no/such/folder/a.jsonl"),
        (["p.jsonl"], "Missing option '-o'"),
        (["p.jsonl", "-o", "a.jsonl", "-c", "nowhere"], "no such file or folder: nowhere"),
    ],
)
def test_faults_before_the_work(tmp_path: Path, words: list[str], fault: str) -> None:
    write(tmp_path / "p.jsonl", "hi")
    command = [sys.executable, "-m", "qwen_chat", "batch", *words]
    done = warm.run(command, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1


def test_stdin_is_read_as_it_comes(qwen_chat: RunCommand, tmp_path: Path, folder: Path) -> None:
    words = ("batch", "-", "-o", str(tmp_path / "a.jsonl"), "-c", str(folder), *CALM)
    assert qwen_chat(*words, stdin='\ufeff"one"\r\n"two"').returncode == 0
    found = answers(tmp_path / "a.jsonl")
    assert [line["id"] for line in found if line["answer"]] == [1, 2]


def test_a_named_pipe_is_read_once(tmp_path: Path, folder: Path, qwen_chat: RunCommand) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lines = [json.dumps(f"{number} " + "x" * 150) for number in range(120)]
    Thread(target=lambda: pipe.write_text("\n".join(lines)), daemon=True).start()
    words = ("batch", str(pipe), "-o", str(tmp_path / "a.jsonl"), "-c", str(folder), "--max-new-tokens", "1")
    assert qwen_chat(*words, "--batch-size", "60").returncode == 0
    assert len(answers(tmp_path / "a.jsonl")) == 120
