"""Messages of several lines and Tab completion, without a terminal."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from scripted import ScriptedModel

from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.terminal.input.completion import ChatCompleter
from qwen_chat.terminal.input.multiline import add_line_break, clean_text, needs_more_lines, parse_message


@pytest.mark.parametrize(
    ("typed", "open_"),
    [
        ("", False),
        ("hello", False),
        ("one \\", True),
        ("a LaTeX line \\\\", False),
        ('"""', True),
        ('"""one line', True),
        ('"""\none\n"""', False),
        ('"""one"""', False),
        ('say """', False),
        ('"""\ndef f():\n    """Return."""', True),
        ('"""\ndef f():\n    """Return', True),
        ('"""\ndef f():\n    """Return."""\n"""', False),
        ('"""A pasted module."""\nimport os', False),
    ],
)
def test_lines_that_go_on(typed: str, open_: bool) -> None:
    assert needs_more_lines(typed) == open_


def test_the_backslash_is_gone_on_the_next_line() -> None:
    assert add_line_break("one\\") == "one\n"
    assert add_line_break('"""') == '"""\n'
    assert add_line_break("a\\\\\\") == "a\\\\\n"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ('"""\none\n\n two\n"""', "one\n\n two"),
        ('"""one"""\n', "one"),
        ('"""\n\n"""', ""),
        ('""""""', ""),
        ('say """', 'say """'),
        ('"""A pasted module."""\nimport os', '"""A pasted module."""\nimport os'),
        ('"""\nx = """a"""\n"""', 'x = """a"""'),
        ("a\x00b\x1b[31m\x9bc\td\r\ne\rf", "ab[31mc\td\ne\nf"),
        ("caf\udce9", "caf\ufffd"),
    ],
)
def test_what_is_sent(typed: str, sent: str) -> None:
    assert parse_message(typed) == sent


@given(st.text())
def test_nothing_typed_can_be_an_escape_or_no_text(text: str) -> None:
    clean = clean_text(text)
    clean.encode()
    assert not {letter for letter in clean if letter < " "} - {"\n", "\t"}
    assert not {letter for letter in clean if "\x7f" <= letter <= "\x9f"}
    assert clean_text(clean) == clean


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "here"
    (here / "my docs" / "sub").mkdir(parents=True)
    for name in ("notes.md", "north.txt", ".hidden", "my docs/plan.md", "ev\x1b[31mil"):
        (here / name).write_text("x")
    monkeypatch.chdir(here)
    return here


def completed(line: str, session: ChatSession | None = None) -> list[str]:
    """Return the lines that Tab offers."""
    completer = ChatCompleter(session or ChatSession(ScriptedModel()))
    found = completer.get_completions(Document(line), CompleteEvent(completion_requested=True))
    return [line[: len(line) + each.start_position] + each.text for each in found]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/rol", ["/role "]),
        (":cle", [":clear", ":clear-his"]),
        ("/HEL", ["/help "]),
        ("say /rol", []),
        ("/role pir", ["/role pirate", "/role pirate-zh"]),
        ("/role import no", ["/role import north.txt", "/role import notes.md"]),
        ("/conf temp", ["/conf temperature="]),
        (":set top_p=0.5 min", [":set top_p=0.5 min_p="]),
        ("/conf temperature=", ["/conf temperature=default", "/conf temperature=0.5"]),
        ("/conf nonsense=", []),
        ("/think o", ["/think on", "/think off"]),
        ("/seed r", ["/seed random"]),
        ("/help ret", ["/help retry"]),
        ("/nonsense no", []),
        ("@no", ["@north.txt", "@notes.md"]),
        ("what is in @not", ["what is in @notes.md"]),
        ("总结@not", ["总结@notes.md"]),
        ("me@no", []),
        ("@my", ['@"my docs/']),
        ('@"my docs/', ['@"my docs/plan.md"', '@"my docs/sub/']),
        ("@.h", ["@.hidden"]),
        ("@nowhere/x", []),
        ("@ev", []),
        ("/system @not", ["/system @notes.md"]),
        ("/load not", ["/load notes.md"]),
        ("/load my docs/", ["/load my docs/plan.md", "/load my docs/sub/"]),
        ("/save no", ["/save north.txt", "/save notes.md"]),
        ("/export md not", ["/export md notes.md"]),
        ("/file notes.md my", ['/file notes.md "my docs/']),
        ('/file notes.md "my docs/p', ['/file notes.md "my docs/plan.md"']),
        ("/file notes.md -- not", []),
        ("/resume ", []),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_tab_offers(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_every_completed_file_is_found(folder: Path) -> None:
    assert len(completed("@")) == 3
    os.chdir("/")
    assert f"@{folder}/notes.md" in completed(f"@{folder}/")


def test_the_rest_of_a_list_of_words_is_a_path_only_where_there_are_paths() -> None:
    assert completed("/think on ") == []
    assert completed("/seed random x") == []


def test_saved_chats_are_found_by_id_and_title(tmp_path: Path) -> None:
    store = Store(tmp_path / "chats.db")
    session = ChatSession(ScriptedModel("Yes."), Settings(), store=store)
    session.send("Tell me of the tides").wait()
    id = session.history.id
    assert completed("/resume TIDES", session) == [f"/resume {id}"]
    assert completed(f"/resume {id[:3]}", session) == [f"/resume {id}"]
    assert completed("/resume moon", session) == []
    store.close()
    assert completed("/resume tides", session) == []
