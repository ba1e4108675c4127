"""What is typed on the page: a message, a command, or a fault; never a way to this machine's files."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pages import Parrot, Served, served

from qwen_chat.errors import UsageError
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.web.input_line import run_line


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ChatSession]:
    with closing(Store(tmp_path / "chats.db")) as store:
        yield ChatSession(Parrot(), store=store)


def say(session: ChatSession, text: str) -> None:
    assert run_line(session, text).begun
    if (turn := session.running) is not None:
        turn.wait()


def asked(session: ChatSession) -> list[str]:
    return [node.message.content for node in session.history.path() if node.message.role == "user"]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("hello", "hello"), ("//help", "/help"), ("a /help b", "a /help b"), ("@/etc/passwd", "@/etc/passwd")],
)
def test_a_message_is_sent(session: ChatSession, typed: str, sent: str) -> None:
    say(session, typed)
    assert asked(session) == [sent]


def test_commands_are_those_of_the_terminal(session: ChatSession) -> None:
    say(session, "one")
    assert "temperature = 0.3" in run_line(session, "/conf temperature=0.3").said
    assert session.params.temperature == 0.3
    assert run_line(session, ":his").said == "[1] You: one\n[2] Assistant: one "
    assert run_line(session, "/retry").begun
    if (turn := session.running) is not None:
        turn.wait()
    assert len(session.history.siblings(session.history.path()[-1].id)) == 2
    assert run_line(session, "/undo").said
    assert asked(session) == []


def test_edit_gives_the_message_to_its_place(session: ChatSession) -> None:
    say(session, "one")
    answer = run_line(session, "/edit 1")
    assert (answer.compose, answer.message) == ("one", session.history.path()[0].id)


@pytest.mark.parametrize("typed", ["/nowhere", ":temprature 2", "/edit 99", "/alt 0"])
def test_a_fault_is_said_and_nothing_is_sent(session: ChatSession, typed: str) -> None:
    with pytest.raises(UsageError):
        run_line(session, typed)
    assert asked(session) == []


@pytest.mark.parametrize(
    "typed",
    [
        "/save {}", "/load {}", "/export md {}", "/import {}", "/file {} -- what?", "/file {}",
        "/system @{}", "/role import {}", "/persona import {}", "/edit 1 see @{}",
    ],
)  # fmt: skip
def test_files_of_this_machine_are_out_of_reach(session: ChatSession, tmp_path: Path, typed: str) -> None:
    say(session, "one")
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="for the terminal"):
        run_line(session, typed.format(secret))
    assert sorted(tmp_path.iterdir()) == before
    assert "a secret" not in str(session.prompt())


def test_tokens_are_shown(model: LlamaCppModel) -> None:
    session = ChatSession(model, Settings(sampling=SamplingParams(max_new_tokens=4)))
    say(session, "Say hello.")
    assert "Say| hello" in run_line(session, "/prompt").said
    assert "<|im_start|>" in run_line(session, "/prompt").said
    detailed = run_line(session, "/prompt ids").said
    assert detailed != run_line(session, "/prompt").said


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as opened:
        yield opened


def test_over_http(page: Served) -> None:
    with page.visitor() as visitor:
        chat = visitor.begin()
        assert visitor.send(chat, "/seed 7").json()["said"]
        refused = visitor.send(chat, "/load /etc/passwd")
        assert refused.status_code == 400
        assert "for the terminal" in refused.json()["error"]
        assert visitor.send(chat, "hello").json()["begun"]
