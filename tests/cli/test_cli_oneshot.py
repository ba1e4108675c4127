"""One question and one answer: the real command, what pipes and people see, and sense from the demo model."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import warm
from command import RunCommand
from driver import Terminal
from places import ROOT

from qwen_chat import __version__, cli, sampling
from qwen_chat.cli.root import COMMANDS
from qwen_chat.history import History, Node
from qwen_chat.roles import load_role
from qwen_chat.settings import SPECS
from qwen_chat.storage.store import Store, Summary, default_path

MODULE = [sys.executable, "-m", "qwen_chat"]
SCRIPT = [str(Path(sys.executable).with_name("qwen-chat"))]
DEMO = [sys.executable, str(ROOT / "apps" / "cli_demo.py")]
STORY = "Write a long story about a lighthouse keeper and the sea, with many chapters."
SHORT = ("--max-new-tokens", "5")
C1 = re.compile(r"[\x80-\x9f]")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
C1_QUESTION = "\x9b31m" * 16
"""The demo model answers it with such a control character, which some terminals obey like an escape."""


@pytest.fixture(autouse=True)
def _quick_model(babbler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two threads on two busy cores wait for each other, a token may take a second.
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")
    monkeypatch.setenv("QWEN_CHAT_CHECKPOINT_PATH", str(babbler))


@pytest.fixture
def demo(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo model answer, whose words have sense."""
    monkeypatch.delenv("QWEN_CHAT_CHECKPOINT_PATH")


def saved(id: str | None = None) -> History:
    """Return what was saved: the conversation of this id, or the last one."""
    store = Store(default_path())
    try:
        return store.load(id or store.recent(1)[0].id)
    finally:
        store.close()


def recent() -> list[Summary]:
    store = Store(default_path())
    try:
        return store.recent()
    finally:
        store.close()


def last_answer() -> Node:
    node = saved().path()[-1]
    assert node.answer is not None
    return node


def system_of(node: Node) -> str:
    """Return the system prompt that the last saved conversation gave an answer under."""
    assert node.answer is not None
    assert node.answer.system is not None
    return saved()[node.answer.system].message.content


def answered(done: subprocess.CompletedProcess[str]) -> str:
    """Return the answer of a process that left in peace."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")
    assert "Traceback" not in done.stderr
    return done.stdout


def as_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    text = answered(done)
    assert text.count("\n") == 1
    record = json.loads(text)
    assert isinstance(record, dict)
    return record


# What comes out


@pytest.mark.usefixtures("demo")
def test_the_answer_stands_alone_on_stdout(qwen_chat_process: RunCommand) -> None:
    done = qwen_chat_process("-p", "Say hello.", "--temperature", "0", "--max-new-tokens", "40")
    text = answered(done)
    node = last_answer()
    assert node.answer is not None
    assert node.answer.finish_reason == "stop"
    assert text == node.message.content + "\n"
    assert text.strip()
    assert done.stderr == ""


def test_a_cut_answer_says_so_on_stderr_and_quiet_does_not(qwen_chat: RunCommand) -> None:
    loud = qwen_chat("-p", STORY, "--seed", "1", *SHORT)
    quiet = qwen_chat("-p", STORY, "--seed", "1", *SHORT, "--quiet")
    assert answered(loud) == answered(quiet)
    assert loud.stderr == "cut: a larger max_new_tokens allows more\n"
    assert quiet.stderr == ""


def test_a_terminal_gets_the_answer_and_what_it_cost() -> None:
    terminal = Terminal("-p", STORY, *SHORT)
    terminal.wait_for("tok/s")
    lines = terminal.text().splitlines()
    assert lines[0]
    assert re.match(r"cut: a larger max_new_tokens allows more · 5 tok · ", lines[1])
    assert ">>>" not in terminal.text()
    assert terminal.leave("") == 0


def test_json_is_one_object_with_all_that_is_known(qwen_chat: RunCommand) -> None:
    record = as_json(qwen_chat("-p", STORY, "--json", "--seed", "5", *SHORT))
    usage = record.pop("usage")
    text, conversation = record.pop("text"), record.pop("conversation")
    assert record == {
        "reasoning": "",
        "model": "babbler",
        "seed": 5,
        "finish_reason": "length",
    }
    assert (saved(conversation).path()[-1].message.content, saved().id) == (text, conversation)
    assert {name: type(value) for name, value in usage.items()} == {
        "prompt_tokens": int,
        "cached_tokens": int,
        "completion_tokens": int,
        "prefill_seconds": float,
        "reasoning_seconds": float,
        "decode_seconds": float,
    }
    assert usage["completion_tokens"] == 5
    assert usage["prompt_tokens"] > 10


@pytest.mark.usefixtures("demo")
def test_control_characters_never_come_out(qwen_chat: RunCommand) -> None:
    done = qwen_chat("-p", C1_QUESTION, "--temperature", "0", "--max-new-tokens", "24")
    content = last_answer().message.content
    assert C1.search(content), "the model no longer writes such a character: ask something else"
    assert answered(done) == CONTROLS.sub("", content) + "\n"


@pytest.mark.usefixtures("demo")
def test_control_characters_are_escaped_in_json(qwen_chat: RunCommand) -> None:
    done = qwen_chat("-p", C1_QUESTION, "--temperature", "0", "--max-new-tokens", "24", "--json")
    assert C1.search(as_json(done)["text"])
    assert not CONTROLS.search(done.stdout)


@pytest.mark.usefixtures("demo")
def test_a_terminal_that_knows_only_ascii_loses_nothing_of_json(
    qwen_chat_process: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.setenv("QWEN_CHAT_TEMPERATURE", "0")
    record = as_json(
        qwen_chat_process("-p", "Schreibe auf Deutsch: München, Köln", "--json", "--max-new-tokens", "20")
    )
    assert not record["text"].isascii(), "the answer is to have an umlaut: ask something else"
    assert record["text"] == last_answer().message.content


# What goes in


def test_the_question_may_come_on_stdin(qwen_chat_process: RunCommand) -> None:
    answered(qwen_chat_process(*SHORT, stdin="\ufeffWhat is the sea?\r\nTell me.\r\n\r\n"))
    assert saved().path()[0].message.content == "What is the sea?\r\nTell me."


def test_prompt_and_stdin_are_joined_by_an_empty_line(qwen_chat: RunCommand) -> None:
    answered(qwen_chat("-p", "Shorten this:", *SHORT, stdin="one\ntwo\n"))
    assert saved().path()[0].message.content == "Shorten this:\n\none\ntwo"


def test_any_language_reaches_model_and_store(qwen_chat: RunCommand) -> None:
    question = "说“你好”。 👩‍👩‍👧 naïve ü\u00a0\u200b é"
    record = as_json(qwen_chat("-p", question, "--json", *SHORT))
    asked, answer = saved(record["conversation"]).path()
    assert asked.message.content == question
    assert answer.message.content == record["text"]


@pytest.mark.parametrize("way", ["--system", "--system-file"])
def test_a_system_prompt_is_in_force(qwen_chat: RunCommand, tmp_path: Path, way: str) -> None:
    text = "You are a lighthouse.\n你是灯塔。\n" * 4
    (tmp_path / "system.txt").write_text(text, encoding="utf-8")
    given = text if way == "--system" else str(tmp_path / "system.txt")
    record = as_json(qwen_chat("-p", "hi", "--json", *SHORT, way, given))
    assert system_of(last_answer()) == text
    assert record["usage"]["prompt_tokens"] > 60


def test_a_role_brings_its_system_prompt(qwen_chat: RunCommand) -> None:
    answered(qwen_chat("-p", "hi", "--role", "concise", *SHORT))
    assert system_of(last_answer()) == load_role("concise").system


# Sampling


def test_a_seed_gives_the_same_text_again_and_another_seed_does_not(qwen_chat: RunCommand) -> None:
    def text(seed: str) -> str:
        made = ("--temperature", "1", "--top-p", "1", "--max-new-tokens", "10", "--no-history")
        return answered(qwen_chat("-p", STORY, "--seed", seed, *made))

    first = text("11")
    assert text("11") == first
    assert text("12") != first


def test_every_sampling_flag_is_taken(qwen_chat: RunCommand) -> None:
    values = {
        "temperature": "0.7",
        "top_p": "0.8",
        "top_k": "20",
        "min_p": "0.05",
        "repetition_penalty": "1.1",
        "presence_penalty": "0.5",
        "frequency_penalty": "-0.5",
        "max_new_tokens": "3",
        "seed": "123",
        "stop": "END",
    }
    assert set(values) == set(sampling.NAMES)
    flags = [part for name, value in values.items() for part in (f"--{name.replace('_', '-')}", value)]
    record = as_json(qwen_chat("-p", STORY, "--json", *flags, "--stop", "FIN"))
    assert (record["seed"], record["usage"]["completion_tokens"]) == (123, 3)


def test_a_stop_text_ends_the_answer_before_it(qwen_chat: RunCommand) -> None:
    made = ("-p", STORY, "--temperature", "0", "--json", "--max-new-tokens", "12")
    whole = as_json(qwen_chat(*made))["text"]
    stop = whole.split()[4]
    stopped = as_json(qwen_chat(*made, "--stop", stop))
    assert stopped["text"] == whole.partition(stop)[0]
    assert stopped["finish_reason"] == "stop"


# Stopping


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the command, and return it once it is past its imports."""
    pipe = subprocess.PIPE
    process = warm.popen([*MODULE, *arguments], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0)
    until(lambda: any(default_path().parent.glob("chats.db-wal")))
    return process


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def test_ctrl_c_keeps_what_there_is_of_the_answer(model_path: Path) -> None:
    process = begun("-c", str(model_path), "-p", STORY)
    assert process.stdout is not None
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    node = last_answer()
    assert process.returncode == 130
    assert (first + rest).decode() == node.message.content + "\n"
    assert node.answer is not None
    assert node.answer.finish_reason == "interrupted"
    assert errors.decode() == "interrupted, the partial answer is kept\n"


def test_ctrl_c_before_the_answer_leaves_at_once(model_path: Path) -> None:
    long = "word " * 6000  # which takes many seconds to read
    process = begun("-c", str(model_path), "-p", long)
    until(lambda: any(summary.messages == 2 for summary in recent()))
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=60)
    assert (process.returncode, text) == (130, b"")
    # An empty line is what Click says to a Ctrl-C in the moment before the answer is watched.
    assert errors in (b"interrupted before it answered\n", b"\n")
    assert last_answer().message.content == ""


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_leaves_ends_a_long_answer(model_path: Path, reader: str) -> None:
    script = f'set -o pipefail; "$@" | {reader}'
    question = "Write a poem about the sea."  # of many lines, it repeats itself
    command = [*MODULE, "-c", str(model_path), "-p", question, "--temperature", "0"]
    done = subprocess.run(
        ["bash", "-c", script, "bash", *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )
    node = last_answer()
    assert (done.returncode, done.stderr) == (0, b"")
    assert node.answer is not None
    assert node.answer.finish_reason == "interrupted"


@pytest.mark.parametrize("shape", [(), ("--json",)], ids=["text", "json"])
def test_a_stdout_that_takes_nothing_is_said_in_one_line(tmp_path: Path, shape: tuple[str, ...]) -> None:
    (tmp_path / "out").touch()
    with (tmp_path / "out").open() as readable:
        command = [*MODULE, "-p", STORY, *SHORT, *shape]
        done = warm.run(command, stdin=subprocess.DEVNULL, stdout=readable)
    assert done.returncode == 2
    assert done.stderr.startswith(b"qwen-chat: cannot read or write (Bad file descriptor)")
    assert done.stderr.count(b"\n") == 1


def test_closed_streams_do_no_harm() -> None:
    script = 'exec "$@" <&- >&- 2>&-'
    command = [*MODULE, "-p", STORY, *SHORT]
    assert subprocess.run(["bash", "-c", script, "bash", *command], timeout=120).returncode == 0
    assert last_answer().message.content


# Conversations


def test_no_history_leaves_no_trace(qwen_chat: RunCommand, home: Path) -> None:
    record = as_json(qwen_chat("-p", "hi", "--no-history", "--json", *SHORT))
    assert record["conversation"] is None
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_conversation_goes_on_in_another_process(qwen_chat_process: RunCommand) -> None:
    first = as_json(qwen_chat_process("-p", "My name is Bob.", "--json", *SHORT))
    answered(qwen_chat_process("-p", "Something else.", *SHORT))
    id = first["conversation"]
    resumed = as_json(qwen_chat_process("-p", "What is my name?", "--resume", id[:6], "--json", *SHORT))
    went_on = as_json(
        qwen_chat_process("--continue", "--json", "--system", "Be brief.", *SHORT, stdin="Really?")
    )
    assert resumed["conversation"] == went_on["conversation"] == id
    assert resumed["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"] + 5
    path = saved(id).path()
    assert [node.message.role for node in path] == ["user", "assistant"] * 3
    questions = ["My name is Bob.", "What is my name?", "Really?"]
    assert [node.message.content for node in path[::2]] == questions
    assert saved(id).message_count() == 6
    assert system_of(path[-1]) == "Be brief."


# The ways to start it


@pytest.mark.parametrize("command", [SCRIPT, MODULE, DEMO], ids=["script", "module", "demo"])
def test_every_way_to_start_it_tells_the_version(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"qwen-chat, version {__version__}\n"


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("named", [True, False], ids=["-c", "embedded"])
def test_the_command_lines_of_cli_demo_work(model_path: Path, tmp_path: Path, named: bool) -> None:
    model = ["-c", str(model_path)] if named else []
    command = [*DEMO, *model, "--cpu-only", "-s", "7", "-p", "hi", *SHORT]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, cwd=tmp_path, text=True, timeout=120
    )
    assert answered(done).strip()
    answer = last_answer().answer
    assert answer is not None
    assert (answer.seed, answer.model[:21]) == (7, "SmolLM2-135M-Instruct")


def test_help_names_every_setting_and_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr()
    words = set(re.findall(r"--[a-z-]+", shown.out))
    wanted = {f"--{name.replace('_', '-')}" for name in (*SPECS, *sampling.NAMES)} - {"--history"}
    assert wanted | {"--no-history", "--system-file", "--resume", "--continue", "--json", "--prompt"} <= words
    assert [name for name in COMMANDS if f"qwen-chat {name} " not in shown.out] == []
    assert shown.err == ""
    helps = [spec.help for name, spec in SPECS.items() if name != "history"]
    text = " ".join(shown.out.split())
    assert [meaning for meaning in (*sampling.MEANINGS.values(), *helps) if meaning not in text] == []


def test_stdin_may_be_a_terminal_while_stdout_is_not() -> None:
    master, slave = pty.openpty()
    try:
        command = [*MODULE, "-p", "hi", *SHORT]
        done = warm.run(command, stdin=slave, text=True)
    finally:
        os.close(master)
        os.close(slave)
    assert answered(done).strip()
    assert done.stderr.startswith("cut: ")
