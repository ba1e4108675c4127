"""Errors in flags, files and input: exit code 2, one line on stderr, nothing on stdout."""

import io
import json
import os
import pickle
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import pytest
import warm
from command import RunCommand
from driver import Terminal

from qwen_chat import cli
from qwen_chat.history import History
from qwen_chat.message import Message
from qwen_chat.storage.store import Store, default_path

MODULE = [sys.executable, "-m", "qwen_chat"]
ASK = ("-p", "hi", "--max-new-tokens", "3")
SECONDS = 2.0
"""Of this process's own time; others on the machine do not count."""

FIVE_GIB = 5 * 2**30
MEMORY = 200 * 2**20

MEASURE = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss * unit]))
"""
"""A small process between: what a process used includes what its parent did before it was replaced."""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two threads on two busy cores wait for each other, a token may take a second.
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")


class Fault(Protocol):
    """Runs the command in this process, and returns the one line that says what is wrong."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> str: ...


def line_of(code: int, out: str, err: str) -> str:
    """Return what the one line on stderr says, after checking that it is all there is."""
    assert "Traceback" not in err
    assert (code, out) == (2, "")
    assert err.startswith("qwen-chat: ")
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1
    return err.removeprefix("qwen-chat: ").rstrip("\n")


@pytest.fixture
def fault(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fault:
    def run(*arguments: str, stdin: bytes = b"") -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        started = time.process_time()
        code = cli.main(arguments)
        assert time.process_time() - started < SECONDS
        return line_of(code, *capsys.readouterr())

    return run


def fault_of(done: subprocess.CompletedProcess[str]) -> str:
    return line_of(done.returncode, done.stdout, done.stderr)


# The model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, model_path: Path) -> Path:
    """A folder of what people name by -c and should not."""
    folder = tmp_path_factory.mktemp("models")
    whole = model_path.read_bytes()
    for name, size in {
        "magic": 4,
        "header": 100_000,
        "half": len(whole) // 2,
        "almost": len(whole) - 1,
    }.items():
        (folder / f"cut-{name}.gguf").write_bytes(whole[:size])
    (folder / "ggml.gguf").write_bytes(b"lmgg" + whole[4:1000])
    (folder / "notes.gguf").write_text("Dear diary,\n" * 100)
    (folder / "notes.txt").write_text("Dear diary,\n" * 100)
    (folder / "empty.gguf").touch()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": [0.0] * 100}))
    (folder / "empty").mkdir()
    (folder / "safetensors").mkdir()
    (folder / "safetensors" / "config.json").write_text("{}")
    (folder / "safetensors" / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    os.mkfifo(folder / "pipe.gguf")
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder: DIR/nowhere"),
        ("note.txt", "did you mean DIR/notes.txt?"),
        ("empty", "no model in DIR/empty: it needs a .gguf file"),
        ("safetensors", "config.json names no model_type"),
        ("safetensors/model.safetensors", "config.json names no model_type"),
        ("pytorch_model.bin", "pickled weights can run code when they are loaded"),
        ("cut-magic.gguf", "DIR/cut-magic.gguf is cut short or damaged: fetch it again"),
        ("cut-header.gguf", "DIR/cut-header.gguf is cut short or damaged: fetch it again"),
        ("cut-half.gguf", "DIR/cut-half.gguf is cut short"),
        ("cut-almost.gguf", "DIR/cut-almost.gguf is cut short"),
        ("empty.gguf", "DIR/empty.gguf is empty"),
        ("ggml.gguf", "DIR/ggml.gguf is a ggml file of 2023"),
        ("notes.gguf", "DIR/notes.gguf is not a GGUF file"),
        ("notes.txt", "DIR/notes.txt is not a GGUF file"),
        ("pipe.gguf", "DIR/pipe.gguf is not a"),
        ("../models\x1b[31m", "no such file or folder: "),
    ],
)
def test_a_model_that_cannot_be_opened(fault: Fault, models: Path, name: str, words: str) -> None:
    line = fault("-c", f"{models}/{name}", *ASK)
    assert words in line.replace(str(models), "DIR")
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("name", "words"), [(" ", "-c is empty: name a .gguf file"), ("\udcff.gguf", "is not UTF-8")]
)
def test_a_name_that_no_model_has(fault: Fault, name: str, words: str) -> None:
    assert words in fault("-c", name, *ASK)


# Flags


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--role pirat", "unknown role 'pirat': did you mean pirate?"),
        ("--temperature hot", "'hot' is not a number"),
        ("--temperature -1", "temperature=-1: must be from 0 to 5"),
        ("--temperature nan", "must be a number"),
        ("--top-p 2", "top_p=2: must be from 0 to 1"),
        ("--seed x", "'x' is not a number"),
        ("--seed -1", "seed=-1: must be from 0"),
        ("--max-new-tokens 0", "max_new_tokens=0: must be from 1"),
        ("--stop=", "stop must be a text"),
        ("--stop \udcff", "stop is not valid Unicode"),
        ("--ctx-size -1", "--ctx-size must be a whole number from 0 to 10,000,000"),
        ("--ctx-size x", "'--ctx-size': 'x' is not a valid integer"),
        ("--ctx-size 99999999", "--ctx-size must be a whole number from 0 to 10,000,000"),
        ("--ctx-size 9000000", "--ctx-size 9000000: this model was made for 8192"),
        ("--threads 0", "--threads must be a whole number from 1 to 1,024"),
        ("--kv-cache q9", "--kv-cache must be one of f32, f16,"),
        ("--lora missing.gguf", "--lora missing.gguf: no such file"),
        ("--lora missing.gguf:0.5", "--lora missing.gguf:0.5: no such file"),
        ("--lora=", "--lora must be a list of texts, none empty"),
        ("--parallel 65", "--parallel must be a whole number from 1 to 64"),
        ("--temprature 1", "No such option '--temprature'. Did you mean '--temperature'?"),
        ("--seed", "'--seed' requires an argument"),
        ("extra", "unexpected extra argument (extra)"),
        ("--system a --system-file b", "--system and --system-file: give one of them"),
        ("--system-file missing.txt", "cannot read missing.txt: No such file or directory"),
        ("--system-file=", "cannot read .: not a plain file"),
        ("--system-file /", "cannot read /: not a plain file"),
        ("--system-file /dev/zero", "cannot read /dev/zero: not a plain file"),
        ("--resume nope", "no conversation begins with 'nope'"),
        ("--continue", "no conversation to continue"),
        ("--continue --no-history", "nothing is saved without history: leave out --no-history"),
        ("--resume x --no-history", "nothing is saved without history: leave out --no-history"),
        ("--continue --resume x", "--continue and --resume: give one of them"),
        ("--continue --role pirate", "a role begins a new conversation: leave out --continue"),
    ],
)
def test_a_flag_that_does_not_fit(fault: Fault, arguments: str, words: str) -> None:
    assert words in fault(*ASK, *arguments.split(" "))


def test_json_without_a_question() -> None:
    terminal = Terminal("--json")
    terminal.wait_for("qwen-chat: --json is for one answer: give the question with -p, or on stdin")
    assert len(terminal.text().splitlines()) == 1
    assert terminal.leave("") == 2


def test_no_question_and_stdout_is_not_a_terminal() -> None:
    assert "give the question with -p, or on stdin" in fault_of(at_terminal())


def at_terminal(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a terminal for stdin alone."""
    master, slave = pty.openpty()
    try:
        return warm.run([*MODULE, *arguments], stdin=slave, text=True)
    finally:
        os.close(master)
        os.close(slave)


@pytest.fixture
def system_file(tmp_path: Path) -> Path:
    return tmp_path / "system.txt"


def test_a_system_file_that_is_a_pipe(fault: Fault, system_file: Path) -> None:
    os.mkfifo(system_file)
    assert fault(*ASK, "--system-file", str(system_file)) == f"cannot read {system_file}: not a plain file"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"caf\xe9", "is not UTF-8 text (byte 3)"), (b"a\0b", "is not text: it holds NUL bytes")],
)
def test_a_system_file_that_is_not_text(fault: Fault, system_file: Path, content: bytes, words: str) -> None:
    system_file.write_bytes(content)
    assert fault(*ASK, "--system-file", str(system_file)).startswith(f"{system_file} {words}")


# Settings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"quiet = true\ntemprature = 1\n", "line 2: unknown key 'temprature'"),
        (b"quiet = true\n\n[sampling]\ntop-p = 0.5\n", "line 4: unknown key 'top-p': did you mean top_p?"),
        (b"quiet = true\nthreads = = 2\n", "line 2: not TOML"),
        (b"quiet = yes\n", "line 1: not TOML: invalid value: put text in quotes"),
        (b'quiet = true\nthreads = "two"\n', "line 2: threads must be a whole number from 1 to 1,024"),
        (b'[sampling]\ntemperature = "hot"\n', "line 2: temperature must be a number, without quotes"),
        (b'quiet = true\nrole = "caf\xe9"\n', "line 2: not UTF-8"),
        (b'role = "pirat"\n', "unknown role 'pirat': did you mean pirate?"),
    ],
)
def test_a_config_file_that_does_not_fit(fault: Fault, home: Path, content: bytes, words: str) -> None:
    path = home / "config" / "qwen-chat" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    line = fault(*ASK)
    assert words in line
    assert "line" not in words or line.startswith(str(path))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TEMPERATURE", "hot", "'hot' is not a number"),
        ("CTX_SIZE", "-5", "must be a whole number"),
        ("CPU_ONLY", "maybe", "must be true or false"),
        ("KV_CACHE", "q9", "must be one of"),
        ("THREAD", "2", "did you mean QWEN_CHAT_THREADS?"),
        ("HISTORY", "\x1b[31m", "must be true or false"),
    ],
)
def test_a_variable_that_does_not_fit(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"QWEN_CHAT_{name}", value)
    line = fault(*ASK)
    assert f"QWEN_CHAT_{name}" in line
    assert words in line
    assert "\x1b" not in line


# What is kept


def filled() -> Path:
    """Make a database with a conversation, and return its path."""
    store = Store(default_path())
    history = History()
    for number in range(200):
        store.keep(history, history.add(Message("user", f"{number} " * 100)))
    store.close()
    return default_path()


def test_a_database_of_a_newer_version(fault: Fault) -> None:
    database = sqlite3.connect(filled())
    database.execute("PRAGMA user_version = 99")
    database.close()
    line = fault(*ASK)
    assert f"{default_path()} was written by a newer qwen-chat (schema 99" in line
    assert "--no-history" in line


def test_a_database_that_is_none(fault: Fault) -> None:
    default_path().write_bytes(b"Dear diary, " * 1000)
    assert f"cannot use {default_path()}: file is not a database: it is damaged" in fault(*ASK)


def test_a_database_that_is_damaged_in_the_middle(fault: Fault) -> None:
    path = filled()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert f"cannot use {path}: database disk image is malformed: it is damaged" in fault(*ASK, "--continue")


def test_a_database_that_is_a_folder(fault: Fault) -> None:
    default_path().mkdir()
    assert str(default_path()) in fault(*ASK)


@pytest.mark.parametrize("place", ["plain/below", "/proc/qwen-chat"])
def test_a_home_where_nothing_can_be_written(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    (tmp_path / "plain").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / place))
    line = fault(*ASK)
    assert f"cannot make the folder {tmp_path / place}" in line
    assert "--no-history" in line


# The question


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "nothing to answer: the question is empty"),
        (b" \r\n\t\n", "nothing to answer: the question is empty"),
        (b"caf\xe9?", "stdin is not UTF-8 text (byte 3): convert it"),
        ("hi".encode("utf-16"), "stdin is not UTF-8 text (byte 0)"),
        (b"what\0is", "stdin is not text: it holds NUL bytes"),
    ],
)
def test_a_question_that_is_none(fault: Fault, stdin: bytes, words: str) -> None:
    assert fault(stdin=stdin).startswith(words)


def test_a_prompt_that_is_not_unicode(fault: Fault) -> None:
    assert "not valid Unicode" in fault("-p", "hi \udcff")
    assert "nothing to answer" in fault("-p", "")


def test_a_question_longer_than_the_context(qwen_chat: RunCommand) -> None:
    line = fault_of(qwen_chat(stdin=b"word\n" * 40_000))
    assert line == (
        "the prompt has 80,019 tokens, the context holds 8,192: shorten the message, "
        "or start with a larger --ctx-size"
    )


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file of 5 GiB that takes no room."""
    path = tmp_path / "sparse.txt"
    with path.open("wb") as file:
        file.truncate(FIVE_GIB)
    return path


@pytest.fixture
def endless() -> Iterator[IO[bytes]]:
    with subprocess.Popen(["yes", "word"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout
        process.kill()


def measured(*arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> str:
    """Return the one line of a process that fails soon, and with little memory."""
    command = [sys.executable, "-c", MEASURE, *MODULE, *arguments]
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    code, seconds, memory = json.loads(done.stdout)
    assert seconds < SECONDS
    assert memory < MEMORY
    return line_of(code, "", done.stderr)


def test_a_question_of_5_gib(sparse: Path) -> None:
    with sparse.open("rb") as file:
        assert measured(stdin=file).startswith("stdin is larger than 8 MiB")


def test_an_endless_question(endless: IO[bytes]) -> None:
    assert measured("-p", "Shorten this:", stdin=endless).startswith("stdin is larger than 8 MiB")


def test_a_question_of_nothing_without_end() -> None:
    with Path("/dev/zero").open("rb") as file:
        assert measured(stdin=file).startswith("stdin is larger than 8 MiB")


def test_a_system_file_of_5_gib(sparse: Path) -> None:
    assert measured(*ASK, "--system-file", str(sparse)).startswith(f"{sparse} is larger than 8 MiB")


# What only the engine notices


@pytest.mark.parametrize("kind", ["model", "text"])
def test_an_adapter_that_is_none(qwen_chat: RunCommand, model_path: Path, models: Path, kind: str) -> None:
    adapter = model_path if kind == "model" else models / "notes.gguf"
    assert "cannot open" in fault_of(qwen_chat(*ASK, "--lora", str(adapter)))
