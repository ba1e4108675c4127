"""Databases and exports of the version before attachments open, and every prompt stays the same."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from places import DATA
from scripted import ScriptedModel

from qwen_chat.export import from_json, to_json
from qwen_chat.files.fenced import full_text
from qwen_chat.history import History
from qwen_chat.message import Attachment, Message
from qwen_chat.session.session import ChatSession
from qwen_chat.storage.schema import MIGRATIONS
from qwen_chat.storage.store import Store

OLD = DATA / "schema_3"
"""A database and an export, written by the last version that kept files as text."""

FILES, ROLE, PLAIN = "25c0ea7573c5", "ed60aa985458", "5a3cd3944c8a"
NOTES = Attachment("notes.md", "The key is teal.\n```\nnot an end\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(OLD / "chats.db", tmp_path))


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as opened:
        yield opened


def old_rows() -> dict[str, tuple[str, str, str]]:
    """Return role, content and reasoning of every old message by its id, drafts included."""
    with closing(sqlite3.connect(OLD / "chats.db")) as db:
        query = """SELECT m.id, role, m.content || coalesce(group_concat(d.content, ''), ''),
            m.reasoning || coalesce(group_concat(d.reasoning, ''), '')
            FROM messages m LEFT JOIN drafts d ON d.message = m.id GROUP BY m.id"""
        return {id: tuple(values) for id, *values in db.execute(query)}


def prompt_of(history: History) -> list[Message]:
    session = ChatSession(ScriptedModel(context_length=100_000))
    session.open(history)
    return session.prompt()


def test_every_message_reads_the_same(store: Store) -> None:
    old = old_rows()
    nodes = [node for id in (FILES, ROLE, PLAIN) for node in store.load(id).nodes()]
    assert {
        node.id: (node.message.role, full_text(node.message), node.message.reasoning) for node in nodes
    } == old


def test_the_prompt_is_the_same_by_the_byte(store: Store) -> None:
    history, old = store.load(FILES), old_rows()
    prompt = prompt_of(history)
    assert [message.content for message in prompt] == [old[node.id][1] for node in history.path()[:-1]]
    assert not any(message.attachments for message in prompt)


def test_files_become_attachments_and_typed_fences_stay_text(store: Store) -> None:
    first, _, second, _ = store.load(FILES).nodes()[:4]
    assert first.message.content == "What do notes.md and main.py say?"
    assert first.message.attachments == (NOTES, Attachment("main.py", "print(1)\n"))
    assert second.message == Message("user", "The error:\n```\nno such file\n```\n\nWhat now?")


def test_what_is_listed_and_found_stays(store: Store) -> None:
    assert [(chat.id, chat.pinned) for chat in store.recent(pinned_first=True)] == [
        (ROLE, True),
        (PLAIN, False),
        (FILES, False),
    ]
    assert {hit.conversation for hit in store.search("teal")} == {FILES}
    assert [hit.excerpt for hit in store.search("潮汐")] == ["And «潮汐» cafés?"]
    cut = store.load(PLAIN).path()[-1]
    assert (cut.message.content, cut.message.reasoning) == ("It pulls", "hm")


def test_a_role_is_guessed_once_and_then_kept(store: Store) -> None:
    session = ChatSession(ScriptedModel("Yes."), store=store)
    assert store.load(ROLE).role is None
    session.open(store.load(ROLE))
    assert session.role is not None
    assert session.role.name == "detective"
    session.send("Well?").wait()
    assert store.load(ROLE).role == "detective"


def test_a_conversation_without_a_role_gets_none(store: Store) -> None:
    session = ChatSession(ScriptedModel("Yes."), store=store)
    session.open(store.load(PLAIN))
    assert session.role is None
    assert session.history.role == ""


def test_the_database_is_of_the_newest_version(store: Store, path: Path) -> None:
    assert store.path == path
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_an_old_export_opens_as_the_same_conversation(store: Store) -> None:
    text = (OLD / "files.json").read_text()
    history, kept = from_json(text), store.load(FILES)
    assert [node.message for node in history.nodes()] == [node.message for node in kept.nodes()]
    assert [full_text(node.message) for node in history.nodes()] == [
        entry["message"]["content"] for entry in json.loads(text)["messages"]
    ]
    assert store.add_all([history]) == []  # the store has it already
    assert [node.message for node in from_json(to_json(history)).nodes()] == [
        node.message for node in history.nodes()
    ]
