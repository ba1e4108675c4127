"""The commands that list, search, open, rename, delete, hide, import and export chats."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import DATA
from scripted import ScriptedModel

from qwen_chat import commands
from qwen_chat.errors import UsageError
from qwen_chat.roles import load_role
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store(home / "chats.db")
    yield opened
    opened.close()


@pytest.fixture
def session(store: Store) -> ChatSession:
    return ChatSession(ScriptedModel("The ", "Moon."), Settings(), store=store)


def do(session: ChatSession, line: str) -> str:
    parsed = commands.parse(line)
    assert parsed is not None
    return commands.run(session, *parsed).text


def ask(session: ChatSession, text: str) -> None:
    session.send(text).wait()


def talk(session: ChatSession, *questions: str) -> str:
    """Begin a chat with these questions, and return its id."""
    session.new()
    for question in questions:
        ask(session, question)
    return session.history.id


def fault(session: ChatSession, line: str) -> str:
    with pytest.raises(UsageError) as caught:
        do(session, line)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Lists


def test_chats_are_listed_newest_first(session: ChatSession) -> None:
    assert do(session, "/chats") == "no conversation is saved yet"
    for number in range(3):
        talk(session, f"question {number}")
    lines = do(session, "/chats").splitlines()
    assert [line.split("messages  ")[1] for line in lines[:3]] == ["question 2", "question 1", "question 0"]
    assert lines[0].startswith("  1  ")
    assert lines[0].split()[4:6] == ["2", "messages"]
    assert "/resume 1" in lines[3]
    assert len(do(session, "/chats 2").splitlines()) == 3
    assert "not a number" in fault(session, "/chats x")


def test_a_number_means_the_list_that_was_shown(session: ChatSession) -> None:
    first, second = talk(session, "first"), talk(session, "second")
    do(session, "/chats")
    do(session, "/resume 2")
    assert session.history.id == first
    ask(session, "and now it is the newest")
    do(session, "/resume 1")
    assert session.history.id == second
    do(session, "/resume 2")
    assert session.history.id == first
    assert fault(session, "/resume 9") == "no chat 9 in the list: it has 2, or give an id"
    assert "no conversation begins with 'zzz'" in fault(session, "/resume zzz")
    do(session, f"/resume {second[:8]}")
    assert session.history.id == second


# Search


def test_words_are_found_with_what_stands_around_them(session: ChatSession) -> None:
    tides = talk(session, "Why are there two tides a day?", "And the tides of the Sun?")
    talk(session, "今晚的月亮很圆")
    talk(session, "something else")
    found = do(session, "/search tides")
    assert f"  1  {tides}" in found
    assert "You: Why are there two «tides» a day?" in found
    assert "You: And the «tides» of the Sun?" in found
    assert "/resume 1" in found
    assert "You: 今晚的«月亮»很圆" in do(session, "/search 月亮")
    do(session, "/find tides sun")
    do(session, "/resume 1")
    assert session.history.id == tides
    assert do(session, "/search nowhere") == "no saved chat holds all of: nowhere"
    assert fault(session, "/search") == "say what to search for: /search tides moon"
    assert do(session, '/search "') == 'no saved chat holds all of: "'


def test_a_long_message_is_cut_around_the_words(session: ChatSession) -> None:
    talk(session, "word " * 300 + "needle " + "word " * 300)
    (line,) = [line for line in do(session, "/search needle").splitlines() if "«needle»" in line]
    assert len(line) < 160
    assert line.count("…") == 2


def test_a_chat_is_found_by_its_title(session: ChatSession) -> None:
    chat = talk(session, "question")
    do(session, "/rename Ebb and Flow")
    talk(session, "other")
    assert f"  1  {chat}" in do(session, "/search ebb flow")


def test_words_in_another_branch_are_told_of(session: ChatSession) -> None:
    talk(session, "Tell me of xyzzy", "more")
    do(session, "/undo 2")
    ask(session, "Tell me of nothing")
    do(session, "/search xyzzy")
    told = do(session, "/resume 1")
    assert "the found words are in another branch: /switch 1 shows it" in told
    assert "Tell me of xyzzy" in do(session, "/switch 1") + do(session, "/history")
    do(session, "/switch 2")
    do(session, "/search nothing")
    assert "another branch" not in do(session, "/resume 1")


# Rename, delete


def test_a_title_is_changed_and_kept(session: ChatSession, store: Store) -> None:
    chat = talk(session, "question")
    assert do(session, "/rename  Tides \n 潮汐 ") == "this chat is now called: Tides 潮汐"
    assert store.load(chat).title == "Tides 潮汐"
    ask(session, "more")
    assert store.load(chat).title == "Tides 潮汐"
    assert "say the new title" in fault(session, "/rename")
    session.new()
    do(session, "/rename Later")
    assert len(store.recent()) == 1
    ask(session, "now")
    assert store.recent()[0].title == "Later"


def test_a_chat_is_deleted_when_it_is_meant(session: ChatSession, store: Store) -> None:
    first, second = talk(session, "first"), talk(session, "second")
    do(session, "/chats")
    told = do(session, "/delete 2")
    assert re.fullmatch(r'this deletes "first" \(2 messages, last .*\) for good: type /delete 2 yes', told)
    assert len(store.recent()) == 2
    assert do(session, "/delete 2 yes").startswith('deleted "first"')
    assert [chat.id for chat in store.recent()] == [second]
    assert session.history.id == second
    assert "no conversation begins with" in fault(session, "/delete 2 yes")
    assert "name one chat" in fault(session, "/delete 1 2 yes")
    assert first not in do(session, "/chats")


def test_deleting_the_open_chat_begins_a_new_one(session: ChatSession, store: Store) -> None:
    assert "this chat is not saved" in fault(session, "/delete")
    chat = talk(session, "question")
    assert do(session, "/delete").endswith(f"type /delete {chat} yes")
    assert do(session, f"/delete {chat} yes").endswith("; a new chat begins")
    assert session.history.id != chat
    assert session.history.path() == []
    assert store.recent() == []
    ask(session, "the next")
    assert [summary.title for summary in store.recent()] == ["the next"]


# Incognito


def test_an_incognito_chat_leaves_no_trace(session: ChatSession, store: Store) -> None:
    kept = talk(session, "kept")
    assert do(session, "/incognito") == "new chat, not saved; /new begins one that is"
    assert session.incognito
    ask(session, "xyzzy secret")
    ask(session, "more of it")
    do(session, "/retry")
    if session.running:
        session.running.wait()
    do(session, "/undo")
    do(session, "/rename hidden")
    session.set_system("plugh secret")
    stats = do(session, "/stats")
    assert "not saved" in stats
    assert "/incognito" in stats
    assert session.history.path()
    assert [chat.id for chat in store.recent()] == [kept]
    assert store.search("secret") == []
    assert "xyzzy" not in do(session, "/search xyzzy").split(":")[0]
    assert "not saved" in fault(session, "/delete")
    assert session.close() is None
    store.close()
    data = b"".join(file.read_bytes() for file in store.path.parent.glob("chats.db*"))
    assert b"kept" in data
    assert not [word for word in (b"xyzzy", b"plugh", b"hidden") if word in data]


def test_what_follows_an_incognito_chat_is_saved(session: ChatSession, store: Store) -> None:
    kept = talk(session, "kept")
    do(session, "/incognito")
    session.take_role(load_role("pirate"))
    ask(session, "still hidden")
    assert len(store.recent()) == 1
    assert do(session, "/new") == "new conversation, saved again"
    ask(session, "seen")
    assert [chat.title for chat in store.recent()] == ["seen", "kept"]
    do(session, "/incognito")
    do(session, f"/resume {kept}")
    assert not session.incognito
    ask(session, "more")
    assert len(store.load(kept).path()) == 4


def test_without_history_there_is_nothing_to_find() -> None:
    session = ChatSession(ScriptedModel("x"), Settings())
    for line in ("/chats", "/search x", "/resume 1", "/delete 1", "/import x.json"):
        assert "start without --no-history" in fault(session, line)
    assert "--no-history" in do(session, "/incognito")
    assert not session.incognito


# Files


def test_a_chat_is_exported_in_every_form(
    session: ChatSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "nothing has been said yet" in fault(session, "/export html")
    talk(session, "Why ../tides/?")
    for kind, beginning in {
        "md": "# Why ../tides/?",
        "html": "<!DOCTYPE html>",
        "json": '{\n "format"',
        "qwen": "[\n {",
    }.items():
        told = do(session, f"/export {kind}")
        path = tmp_path / told.removeprefix("saved to ")
        assert path.parent == tmp_path
        assert path.name.startswith("why-tides-")
        assert path.read_text(encoding="utf-8").startswith(beginning)
    do(session, "/export page.HTML")
    assert (tmp_path / "page.HTML").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    do(session, "/export qwen ../data.json")
    sample = json.loads((tmp_path / "data.json").read_text())[0]
    assert sample["conversations"][0] == {"from": "user", "value": "Why ../tides/?"}
    assert "exists: choose another name" in fault(session, "/export qwen ../data.json")
    assert "write /export FORMAT FILE" in fault(session, "/export page.pdf")


def test_chats_are_imported_and_opened(session: ChatSession, store: Store, tmp_path: Path) -> None:
    told = do(session, f"/import {DATA / 'chatgpt.json'}").splitlines()
    assert told[0] == "2 chats imported"
    assert told[3:] == ["chat 3 'New chat': nothing is said in it"]
    assert len(store.recent()) == 2
    opens = told[1].split("  ")[1]
    assert "Two tides a day (6 messages)" in do(session, opens)
    assert "Spring tides come then, too." in do(session, "/history")
    again = do(session, f"/import {DATA / 'chatgpt.json'}")
    assert again.startswith("0 chats imported, 2 were there already")
    assert "name the file" in fault(session, "/import")
    assert "No such file" in fault(session, f"/import {tmp_path / 'x'}")
    assert len(store.recent()) == 2


def test_every_command_has_help_in_both_languages(session: ChatSession) -> None:
    for name in ("chats", "search", "resume", "rename", "delete", "incognito", "export", "import"):
        told = do(session, f"/help {name}")
        assert re.search(r"[a-z]{4}", told)
        assert re.search(r"[\u4e00-\u9fff]{2}", told)
