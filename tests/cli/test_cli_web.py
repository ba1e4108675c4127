"""`qwen-chat web` as a process of its own, with the real demo model."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import warm
from command import RunCommand
from driver import Terminal
from pages import COMMAND_WITHOUT_PANEL, LONGEST, Visitor, quickly_hashed, until
from places import DATA, ROOT

from qwen_chat.http.accounts import Accounts, read_accounts
from qwen_chat.http.listen import listen
from qwen_chat.storage.store import Store, default_path

ASKED = "Write a very long story about a keeper of a lighthouse, with many chapters."


@dataclass(slots=True)
class Command:
    """The command while it runs."""

    process: subprocess.Popen[str]
    url: str

    @contextmanager
    def visitor(self) -> Iterator[Visitor]:
        """Open a browser without a window."""
        with httpx.Client(base_url=self.url, timeout=LONGEST) as client:
            yield Visitor(client)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, float, str]:
        """Send a signal; return the exit code, the seconds it took, and what was complained about."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, time.monotonic() - started, errors


@contextmanager
def command(
    *arguments: str, environ: dict[str, str] | None = None, code: str | None = None
) -> Generator[Command, None, None]:
    """Run the command, or a program that runs it, until the block is left, on a port that is free."""
    argv = ["web", "--server-port", "0", "--threads", "1", "-s", "1", "--max-new-tokens", "300", *arguments]
    with _started(argv, {**os.environ, **(environ or {})}, code) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert re.fullmatch(r"https?://127\.0\.0\.1:\d+/\n", line), line
            yield Command(process, line.strip())
        finally:
            process.kill()


def _started(arguments: list[str], environ: dict[str, str], code: str | None) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    if code is not None:
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environ)
    command = [sys.executable, "-m", "qwen_chat", *arguments]
    return warm.popen(command, stdout=pipe, stderr=pipe, text=True, env=environ, modules=warm.WEB)


def begin_answer(visitor: Visitor) -> tuple[str, Iterator[dict[str, object]]]:
    """Ask for something long, and return the conversation and its frames once words are coming."""
    chat = visitor.begin()
    assert visitor.send(chat, ASKED).status_code == 200
    frames = visitor.frames(chat)
    for frame in frames:
        live = frame.get("live") or {}
        assert frame.get("chat", {}).get("running", "") is not None, "the answer was too short"
        if live.get("pieces", 0) >= 10:
            break
    return chat, frames


# Ending


@pytest.mark.timing
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_mid_answer_at_once_and_keeps_it(model_path: Path, number: int) -> None:
    with command() as running, running.visitor() as visitor:
        chat, _frames = begin_answer(visitor)
        code, seconds, errors = running.stop(number)
    assert (code, errors) == (0, "")
    assert seconds < 5
    question, answer = Store(default_path()).load(chat).path()[-2:]
    assert question.message.content == ASKED
    assert answer.message.content.strip()
    assert answer.answer is not None
    assert answer.answer.finish_reason == "interrupted"


@pytest.mark.timing
def test_it_ends_at_once_while_the_model_loads_and_someone_waits(model_path: Path) -> None:
    with command() as running, running.visitor() as visitor:
        chat = visitor.begin()
        visitor.send(chat, "hello")
        code, seconds, errors = running.stop()
    assert (code, errors) == (0, "")
    assert seconds < 5


@pytest.mark.timing
def test_it_ends_at_once_while_someone_waits_for_a_model_that_loads_for_ever(model_path: Path) -> None:
    loading = "from qwen_chat.model.loading import LoadingModel"
    never = f"import time; {loading}; LoadingModel._run = lambda _: time.sleep(99)"
    with (
        command(code=f"{never}; {COMMAND_WITHOUT_PANEL}") as running,
        running.visitor() as visitor,
    ):
        waiting = threading.Thread(target=_count_file, args=(visitor,))
        waiting.start()
        time.sleep(0.5)
        assert waiting.is_alive()
        code, seconds, errors = running.stop()
        waiting.join(5)
    assert (code, errors) == (0, "")
    assert seconds < 5


def _count_file(visitor: Visitor) -> None:
    with suppress(httpx.HTTPError):
        visitor.http.post("chat/file", params={"name": "a.txt"}, content=b"hello")


def test_a_page_that_is_killed_in_mid_answer_shows_every_turn_when_it_is_back(model_path: Path) -> None:
    with command() as running, running.visitor() as visitor:
        chat, frames = begin_answer(visitor)
        first = next(iter(Store(default_path()).load(chat).path()))
        seen = 0
        end = time.monotonic() + 2  # what was written a second ago is on disk
        for frame in frames:
            seen = (frame.get("live") or {}).get("pieces", seen)  # type: ignore[attr-defined]
            if time.monotonic() > end:
                break
        running.process.kill()
        running.process.wait()
    with command("--max-new-tokens", "8") as running, running.visitor() as visitor:
        order = next(frame["order"] for frame in visitor.frames(chat) if "order" in frame)
        texts = [visitor.http.get(f"chat/{chat}/text/{message}").text for message in order]
        assert texts[-2] == ASKED
        assert len(texts[-1].split()) >= 10
        assert order[0] == first.id
        assert [each["id"] for each in visitor.http.get("chat/list").json()["chats"]] == [chat]
        assert visitor.http.post(f"chat/{chat}/continue").status_code == 200
        assert visitor.answer(chat).startswith(texts[-1])


# What it is told


def fault(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a refusal is."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("qwen-chat: ")
    return done.stderr


def test_a_port_that_is_taken(qwen_chat: RunCommand) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = fault(qwen_chat("web", "--server-port", str(port)))
    assert re.search(rf"port {port} is taken: --server-port \d+ is free", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server-name", "0.0.0.0"], "add --auth NAME:PASSWORD, or --public"),  # noqa: S104
        (["--server-name", "::"], "add --auth NAME:PASSWORD, or --public"),
        (["--share"], "--share lets everyone in"),
        (["--public"], "--public goes with"),
        (["--share", "--public", "--auth", "a:b"], "give one of them"),
        (["--server-name", "nowhere.invalid"], "no such address"),
        (["--auth", "ann"], "NAME:PASSWORD"),
        (["--auth-file", "/nonexistent"], "/nonexistent"),
        (["--auth-file", str(DATA / "xss.txt")], "line 1: an account"),
        (["--root-path", "chat"], "--root-path chat"),
        (["--ssl-keyfile", "x"], "--ssl-certfile"),
        (["--ssl-certfile", "/nonexistent"], "cannot use the certificate /nonexistent"),
        (["--ssl-certfile", "x", "--share", "--public"], "leave out --ssl-certfile"),
        (["--vi"], "--vi is for the terminal"),
        (["--no-plain"], "--plain is for the terminal"),
        (["--hide-thinking"], "--hide-thinking is for the terminal"),
        (["--concurrency", "2", "--parallel", "2"], "are the same"),
        (["--concurrency", "0"], "from 1 to 64"),
        (["--server-port", "70000"], "--server-port"),
        (["--role", "nobody-at-all"], "nobody-at-all"),
        (["-c", "/nonexistent.gguf"], "/nonexistent.gguf"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    qwen_chat: RunCommand, arguments: list[str], said: str
) -> None:
    assert said in fault(qwen_chat("web", *arguments))


def test_share_without_a_network_is_one_line(qwen_chat: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    done = qwen_chat("web", "--server-port", "0", "--share", "--public")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--share: no address from Gradio's server" in done.stderr


def test_a_missing_extra_is_one_line(model_path: Path) -> None:
    code = "import sys; sys.modules['gradio'] = None; from qwen_chat.cli import run; run()"
    done = subprocess.run([sys.executable, "-c", code, "web"], capture_output=True, text=True)
    assert "pip install 'qwen-chat-apps[web]'" in fault(done)


def test_a_model_that_cannot_be_loaded_is_said_once_and_the_page_stays(model_path: Path) -> None:
    with command("--lora", "/nonexistent/adapter.gguf") as running, running.visitor() as visitor:
        chat = visitor.begin()
        for frame in visitor.frames(chat):
            if "/nonexistent" in str(frame.get("chat", {}).get("model", {}).get("fault")):
                break
        assert visitor.http.get("./").status_code == 200
        code, _, errors = running.stop()
    assert code == 0
    assert errors.count("/nonexistent/adapter.gguf") == errors.count("\n") == 1


def test_it_is_opened_in_a_browser(model_path: Path, tmp_path: Path) -> None:
    script, shown = tmp_path / "browser", tmp_path / "shown"
    script.write_text(f'#!/bin/sh\necho "$1" >> {shown}\n')
    script.chmod(0o700)
    with command("--inbrowser", environ={"BROWSER": str(script)}) as running:
        until(shown.exists)
        until(lambda: shown.read_text() == f"{running.url}\n")


def test_a_role_of_the_settings_is_played(model_path: Path) -> None:
    with command("--role", "pirate") as running, running.visitor() as visitor:
        frame = next(visitor.frames(visitor.begin()))
        assert frame["chat"]["role"]["name"] == "pirate"


def test_the_door_that_users_of_qwens_demo_know_leads_here() -> None:
    door = ROOT / "apps" / "web_demo.py"
    done = subprocess.run([sys.executable, str(door), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for flag in (
        "-c, --checkpoint-path",
        "--cpu-only",
        "--share",
        "--inbrowser",
        "--server-port",
        "--server-name",
    ):
        assert flag in done.stdout


# Who comes


def test_each_who_logs_in_has_a_store_of_their_own(model_path: Path, home: Path, tmp_path: Path) -> None:
    names = ["ann", "Ann", "../../ann", "安", "con"]
    file = tmp_path / "accounts"
    hashed = quickly_hashed("secret")
    file.write_text("".join(f"{name}:{hashed}\n" for name in names), encoding="utf-8")
    with command("--auth-file", str(file)) as running:
        for name in names:
            with running.visitor() as visitor:
                visitor.log_in(name, "secret")
                assert visitor.http.get("chat/list").json() == {"chats": []}
        running.stop()
    stores = sorted(path for path in home.rglob("chats.db"))
    people = home / "data" / "qwen-chat" / "people"
    assert len({path.parent.name.lower() for path in stores}) == len(names)
    for path in stores:
        assert path.parent.parent == people
        assert re.fullmatch(r"[a-z0-9-]*-[0-9a-f]{16}", path.parent.name)
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_without_history_nothing_is_written(model_path: Path, home: Path) -> None:
    with command("--no-history", "--max-new-tokens", "8") as running, running.visitor() as visitor:
        chat = visitor.begin()
        visitor.send(chat, "hello")
        assert visitor.answer(chat)
        assert visitor.http.get("chat/list").json() == {"chats": []}
        running.stop()
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_hash_is_printed_that_lets_one_in(home: Path) -> None:
    terminal = Terminal("web", "--hash", "ann")
    terminal.wait_for("password:")
    terminal.press("se:cret\r")
    terminal.wait_for("Repeat")
    terminal.press("se:cret\r")
    said = terminal.wait_for(lambda text: re.search(r"\$[0-9a-f]{128}$", text.replace("\n", "")) is not None)
    assert "se:cret" not in said
    line = "ann:scrypt" + said.replace("\n", "").split("ann:scrypt")[1]
    known = read_accounts([line], None)
    assert isinstance(known, Accounts)
    assert known.check("ann", "se:cret") == "ann"


# What it costs


def test_a_page_that_nobody_talks_on_costs_nothing(model_path: Path) -> None:
    with command("--max-new-tokens", "8") as running, running.visitor() as visitor:
        assert visitor.http.get("panel/en/").status_code == 200
        chat = visitor.begin()
        visitor.send(chat, "hello")
        visitor.answer(chat)
        frames = visitor.frames(chat)
        next(frames)
        process = psutil.Process(running.process.pid)
        time.sleep(1)
        before = process.cpu_times()
        time.sleep(5)
        after = process.cpu_times()
        # What polls shows here; how little it costs is measured in the benchmarks.
        assert (after.user + after.system - before.user - before.system) / 5 <= 0.03


WAITS = f"""
import os, time
from qwen_chat.model.loading import LoadingModel
load = LoadingModel._run
def run_when_told(model):
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.01)
    load(model)
LoadingModel._run = run_when_told
{COMMAND_WITHOUT_PANEL}
"""
"""The command, whose model begins to load once a file is there."""


def test_the_page_comes_while_the_model_still_loads(model_path: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with (
        command("--max-new-tokens", "8", code=WAITS, environ={"GO": str(go)}) as running,
        running.visitor() as visitor,
    ):
        assert visitor.http.get("./").status_code == 200
        chat = visitor.begin()
        frames = visitor.frames(chat)
        assert next(frames)["chat"]["model"]["ready"] is False
        assert visitor.send(chat, "hello").status_code == 200
        go.touch()
        assert any(frame.get("chat", {}).get("model", {}).get("ready") for frame in frames)
        assert visitor.answer(chat)
