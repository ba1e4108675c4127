"""Files mentioned in messages: on a real pty, with the real demo model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import PROMPT, Terminal

from qwen_chat.files.fenced import full_text
from qwen_chat.storage.store import Store, default_path

BRIEF = ("--temperature", "0", "--max-new-tokens", "8")


@pytest.fixture
def chat(model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    (tmp_path / "notes.md").write_text("The password is swordfish.\n")
    (tmp_path / "my list.txt").write_text("apples\npears\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "long.txt").write_text("some words and more of them\n" * 4000)
    (tmp_path / "giant.txt").write_text("x" * (9 << 20))
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    opened = Terminal(*BRIEF)
    opened.ready()
    opened.say("/stats")  # which waits for the model: otherwise it would be said that it is waited for
    yield opened
    opened.kill()


def asked() -> list[str]:
    """What was asked in the newest conversation on disk."""
    store = Store(default_path())
    path = store.load(store.recent(1)[0].id).path()
    store.close()
    return [full_text(node.message) for node in path if node.message.role == "user"]


def shows(chat: Terminal, last: str) -> None:
    """Wait until the last line is `last`."""
    chat.wait_for(lambda text: text.splitlines()[-1] == last, 30)


def test_a_file_is_sized_and_read(chat: Terminal) -> None:
    shown = chat.say("@notes.md what is the password?").splitlines()
    assert shown[1] == "notes.md: 1 line, 17 tokens"
    assert "swordfish" in shown[2]
    shown = chat.say('/file "my list.txt" notes.md -- What is in them?').splitlines()
    assert shown[1:3] == ["my list.txt: 2 lines, 16 tokens", "notes.md: 1 line, 17 tokens"]
    assert asked() == [
        "notes.md:\n```md\nThe password is swordfish.\n```\n\nnotes.md what is the password?",
        "my list.txt:\n```txt\napples\npears\n```\n\nnotes.md:\n```md\nThe password is swordfish.\n```\n\n"
        "What is in them?",
    ]
    assert "what is the password?" in chat.say("/resume")


def test_a_file_without_a_question_waits_for_one_on_the_line(chat: Terminal) -> None:
    chat.press("/file 'my list.txt'\r")
    chat.wait_for('>>> @"my list.txt"')
    chat.say("pears?")
    assert asked()[0].endswith("```\n\nmy list.txt pears?")


def test_what_names_no_file_is_plain_text(chat: Terminal) -> None:
    chat.say("ask me@notes.md or @somebody")
    chat.say("//file notes.md is how @somebody begins")
    assert asked() == ["ask me@notes.md or @somebody", "/file notes.md is how @somebody begins"]


def test_what_cannot_be_sent_is_refused_in_a_line_and_stays_typed(chat: Terminal) -> None:
    for typed, fault in (
        ("what is @picture.png", "picture.png is not UTF-8 text (byte 0): convert it"),
        ("what is @giant.txt", "giant.txt is larger than 8 MiB: no context holds it, give a part of it"),
        ("what is @docs", "docs is a folder: name a file in it"),
        ("what is @long.txt", "long.txt: the message would have 28,0"),
        ("/file none.md -- what?", "cannot read none.md: No such file or directory"),
        ("/file long.txt -- what?", "long.txt: the message would have 28,0"),
    ):
        before = len(chat.text().splitlines())
        chat.press(f"{typed}\r")

        def is_answered(text: str, before: int = before, typed: str = typed) -> bool:
            lines = text.splitlines()
            return lines[-1] == f">>> {typed}" and len(lines) > before + 1

        chat.wait_for(is_answered, 30)
        (said,) = chat.text().splitlines()[before:-1]
        assert said.startswith(fault)
        chat.press("\x03")
        shows(chat, PROMPT.strip())
    assert "nothing has been said yet" in chat.say("/history")


def test_what_is_typed_ahead_of_a_refusal_is_not_sent_with_it(chat: Terminal) -> None:
    chat.say("/conf max_new_tokens=100")
    chat.say("Write a long story about a fox.", wait=False)
    chat.wait_for("Once upon")
    chat.press("what is @docs\rand more\r")
    chat.wait_for("docs is a folder")
    chat.wait_for(">>> what is @docsand more\n...")
    assert len(asked()) == 1
