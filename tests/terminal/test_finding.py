"""Searching and opening saved chats: the real command on a real pty, with a small model."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import Terminal
from places import DATA

CALM = ("--temperature", "0", "--max-new-tokens", "6")


@pytest.fixture
def chat(babbler: Path) -> Iterator[Terminal]:
    opened = Terminal("-c", str(babbler), *CALM)
    opened.ready()
    yield opened
    opened.kill()


def test_chats_are_found_opened_renamed_and_deleted(chat: Terminal) -> None:
    chat.say("Name three colours of the sky, please.")
    assert "this chat is now called: Sky" in chat.say("/rename Sky")
    assert "new conversation" in chat.say("/new")
    chat.say("What is a tide?")
    listed = chat.say("/chats").splitlines()
    assert [re.sub(r".*messages  ", "", line) for line in listed[1:3]] == ["What is a tide?", "Sky"]
    found = chat.say("/search colours sky")
    assert "You: Name three «colours» of the «sky», please." in found
    assert "Sky (2 messages)" in chat.say("/resume 1")
    assert '" (2 messages, last ' in chat.say("/delete 1")
    assert 'deleted "Sky"' in chat.say("/delete 1 yes")
    assert "nothing has been said yet" in chat.say("/history")
    assert len(chat.say("/chats").splitlines()) == 3
    assert "no chat 7 in the list" in chat.say("/resume 7")


def test_incognito_leaves_no_trace_on_the_disk(chat: Terminal, home: Path) -> None:
    assert "new chat, not saved; /new begins one that is" in chat.say("/incognito")
    chat.say("My secret word is xyzzyplugh.")
    assert "/incognito; /new begins a chat that is saved" in chat.say("/stats")
    assert "no conversation is saved yet" in chat.say("/chats")
    assert "saved again" in chat.say("/new")
    chat.say("What is a tide?")
    assert chat.leave() == 0
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(b"What is a tide?" in path.read_bytes() for path in files)
    assert not [path for path in files if b"xyzzyplugh" in path.read_bytes()]


def test_files_of_others_come_in_and_pages_go_out(chat: Terminal, tmp_path: Path) -> None:
    shown = chat.say(f"/import {DATA / 'openwebui.json'}")
    assert "1 chat imported" in shown
    (opens,) = re.findall(r"/resume \w+", shown)
    assert "Distance of the Moon (4 messages)" in chat.say(opens)
    chat.say("Say yes.")
    page = tmp_path / "moon.html"
    assert "saved to" in chat.say(f"/export html {page}")
    assert "<strong>384,400 km</strong>" in page.read_text(encoding="utf-8")
    assert "exists: choose another name" in chat.say(f"/export html {page}")
    assert "cannot write" in chat.say(f"/export {tmp_path}/no/folder.md")
    assert "No such file" in chat.say("/import nowhere.json")
