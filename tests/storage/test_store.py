"""The store: private, exact, searchable, and whole whatever opens it at the same time."""

import os
import random
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import StoreError, UsageError
from qwen_chat.export import from_json, to_json
from qwen_chat.history import AnswerDetails, History, Node
from qwen_chat.message import Attachment, Message, ToolCall, Usage
from qwen_chat.storage.schema import MIGRATIONS
from qwen_chat.storage.store import Store, default_path

UNICODE = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\0\r\n\t\x1b\x7f\x85\u2028\u200d\ufeff\u0301é👩🏽\U0001f1e8文한ไ"),
    ),
    max_size=80,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def big_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples: that it grows full of odd text is part of the test."""
    opened = Store(tmp_path_factory.mktemp("store") / "chats.db")
    yield opened
    opened.close()


def talk(store: Store, *texts: str, id: str | None = None) -> History:
    """Keep a conversation of questions and answers, message by message."""
    history = History(id, texts[0])
    for number, text in enumerate(texts):
        answer = AnswerDetails("demo", finish_reason="stop") if number % 2 else None
        store.keep(history, history.add(Message("assistant" if answer else "user", text), answer))
    return history


def found(store: Store, text: str) -> list[str]:
    return sorted(hit.content for hit in store.search(text))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def use(path: Path) -> None:
    """Do everything that can be done with a store."""
    with closing(Store(path)) as store:
        for chat in store.recent():
            store.load(chat.id).path()
        store.search("tide")
        history = talk(store, "one more question", "one more answer")
        store.load(history.id).path()
        store.delete(history.id)


def fault_of(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        use(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert str(path) in message or str(path.parent) in message
    return message


# Private


def test_only_the_owner_can_read(home: Path) -> None:
    old = os.umask(0)
    try:
        path = default_path()
        with closing(Store(path)) as store:
            talk(store, "secret")
            modes = {
                file.name: oct(stat.S_IMODE(file.stat().st_mode))
                for file in [path.parent, *path.parent.iterdir()]
            }
    finally:
        os.umask(old)
    assert home in path.parents
    assert modes == {
        "qwen-chat": "0o700",
        "chats.db": "0o600",
        "chats.db-wal": "0o600",
        "chats.db-shm": "0o600",
    }


def test_what_was_deleted_is_gone_from_the_disk(store: Store, path: Path) -> None:
    kept = talk(store, "the tide is high", "indeed")
    gone = talk(store, "xyzzyplugh " * 300, "frobozzquux " * 300)
    store.draft(gone.path()[-1].id, 0, "gruesnark", "")
    store.delete(gone.id)
    assert [chat.id for chat in store.recent()] == [kept.id]
    assert found(store, "xyzzyplugh") == []
    assert found(store, "tide") == ["the tide is high"]
    store.close()
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"tide" in data
    assert not [word for word in (b"xyzzyplugh", b"frobozzquux", b"gruesnark") if word in data]


# Exact


@examples(100)
@given(texts=st.lists(UNICODE, min_size=10, max_size=10), title=UNICODE)
def test_1000_texts_come_back_by_the_byte(big_store: Store, texts: list[str], title: str) -> None:
    history = History(title=title)
    history.set_system(texts[0])
    for text, thought in zip(texts[::2], texts[1::2], strict=True):
        history.add(Message("assistant", text, thought), AnswerDetails("demo", finish_reason="stop"))
    big_store.keep_all(history)
    kept = big_store.load(history.id)
    assert (kept.title.encode(), kept.nodes(), kept.path()) == (
        title.encode(),
        history.nodes(),
        history.path(),
    )
    exported = from_json(to_json(kept).encode().decode())
    said = [(node.message.content + node.message.reasoning).encode() for node in exported.nodes()]
    assert said == [(node.message.content + node.message.reasoning).encode() for node in history.nodes()]


def test_every_field_comes_back(store: Store) -> None:
    history = History(title="fields", role="detective")
    system = history.set_system("be brief")
    usage = Usage(11, 3, 7, 0.25, 1.5)
    history.add(Message("user", "q", attachments=(Attachment("潮.md", "tide\0\n"), Attachment("b", "c"))))
    history.add(
        Message("assistant", "a", "because"), AnswerDetails("demo", system.id, 2**32 - 1, "length", usage)
    )
    calls = (ToolCall("call_1", "search", '{"q": "潮"'), ToolCall("call_2", "now", "{}"))
    history.add(Message("assistant", "", tool_calls=calls), AnswerDetails("demo", finish_reason="tool_calls"))
    history.add(Message("tool", "12:00", tool_call_id="call_2", name="now"))
    history.edit(history.message_at(1).id, "q again")
    store.keep_all(history)
    again = store.load(history.id)
    assert again.nodes() == history.nodes()
    assert (again.head, again.system, again.title) == (history.head, system, "fields")
    assert again.role == "detective"
    assert found(store, "tide") == ["q"]


def test_an_answer_that_was_cut_off_is_what_was_drafted(store: Store) -> None:
    history = talk(store, "q")
    node = history.add(Message("assistant", ""), AnswerDetails("demo", seed=7))
    store.keep(history, node)
    for position, (text, thought) in enumerate([("", "hm"), ("The ", ""), ("Mo\0on", "")]):
        store.draft(node.id, position, text, thought)
    cut = store.load(history.id).path()[-1]
    assert cut.message == Message("assistant", "The Mo\0on", "hm")
    assert cut.answer == AnswerDetails("demo", seed=7, finish_reason="interrupted")
    assert node.answer is not None
    whole = replace(
        node, message=Message("assistant", "The Moon."), answer=replace(node.answer, finish_reason="stop")
    )
    store.keep(history, whole)
    assert store.load(history.id).path()[-1] == whole
    assert found(store, "moon") == ["The Moon."]


def test_a_piece_for_a_message_that_is_gone_is_dropped(store: Store) -> None:
    history = talk(store, "q")
    node = history.add(Message("assistant", ""), AnswerDetails("demo"))
    store.keep(history, node)
    store.delete(history.id)
    store.draft(node.id, 0, "text", "")
    store.keep(history, node)
    assert [node.message.content for node in store.load(history.id).path()] == [""]


# Listed and found


def test_resume_by_the_beginning_of_an_id(store: Store) -> None:
    talk(store, "first", id="abc1")
    talk(store, "second", id="abd2")
    assert store.load("abc").title == "first"
    assert store.load("abd2").title == "second"
    with pytest.raises(UsageError, match="several conversations begin with 'ab'"):
        store.load("ab")
    for prefix in ("abe", "abc12", "%", "a_c", "ABC", "'", "\0", "x\ny"):
        with pytest.raises(UsageError, match="no conversation begins with"):
            store.load(prefix)
    with pytest.raises(UsageError, match="not valid Unicode"):
        store.load("\udcff")


def test_recent_conversations_newest_first(store: Store) -> None:
    histories = [talk(store, f"question {number}", "answer") for number in range(25)]
    store.keep(histories[3], histories[3].set_system("be brief"))
    listed = store.recent(3)
    assert [chat.title for chat in listed] == ["question 3", "question 24", "question 23"]
    assert [chat.messages for chat in listed] == [2, 2, 2]
    assert abs(listed[0].updated - time.time()) < 60
    assert len(store.recent()) == 20
    assert len(store.recent(100)) == 25


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("MOON", ["The moon, a résumé"]),
        ("moon the", ["The moon, a résumé"]),
        ("moon sun", []),
        ("resume", ["The moon, a résumé"]),
        ("re\u0301sume\u0301", ["The moon, a résumé"]),
        ("月", ["今晚的月亮很圆"]),
        ("月亮", ["今晚的月亮很圆"]),
        ("亮月", []),
        ("도", ["달도 밝다"]),
        ("Qwen模型", ["用Qwen模型写诗"]),
        ("模型 qwen", ["用Qwen模型写诗"]),
        ("\U0002070e", ["古字\U0002070e\U00020731"]),
        ("don't", ["I don't know: foo_bar"]),
        ("foo_bar", ["I don't know: foo_bar"]),
        ('know "foo', ["I don't know: foo_bar"]),
        ("know*", ["I don't know: foo_bar"]),
        ("kno", []),
        ("know 👍", ["I don't know: foo_bar"]),
        ("NOT know", []),
        ("know\0foo", ["I don't know: foo_bar"]),
        ("", []),
        (" \n", []),
        ('""', []),
        ("secretly", []),
    ],
)
def test_search(store: Store, text: str, hits: list[str]) -> None:
    history = talk(
        store,
        "The moon, a résumé",
        "今晚的月亮很圆",
        "用Qwen模型写诗",
        "달도 밝다",
        "I don't know: foo_bar",
        "古字\U0002070e\U00020731",
    )
    store.keep(history, history.set_system("secretly"))
    assert found(store, text) == hits


def test_a_hit_names_its_conversation(store: Store) -> None:
    history = talk(store, "Why tides?", "The Moon.")
    talk(store, "other", "words")
    (hit,) = store.search("moon")
    assert (hit.conversation, hit.title, hit.message) == (history.id, "Why tides?", history.path()[1].id)


def test_search_gives_no_more_than_asked_for(store: Store) -> None:
    talk(store, *(f"tide {number}" for number in range(30)))
    assert len(store.search("tide")) == 20
    assert len(store.search("tide", limit=5)) == 5


@examples(300)
@given(text=st.text(max_size=30))
def test_any_search_is_answered_or_refused(big_store: Store, text: str) -> None:
    try:
        assert len(big_store.search(text, 3)) <= 3
    except UsageError:
        with pytest.raises(UnicodeEncodeError):
            text.encode()


# Versions


def version_1(path: Path) -> History:
    """Write a database of the first schema, as its qwen-chat did, and return what it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    history = History("0ld", "潮汐")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"BEGIN; {MIGRATIONS[0]}; PRAGMA user_version = 1; COMMIT")
        system = history.set_system("be brief")
        history.add(Message("user", "Why tides?"))
        history.add(Message("assistant", "月亮 pulls the café"), AnswerDetails("demo", system.id, 7, "stop"))
        history.add(Message("user", "And then?"))
        cut = history.add(Message("assistant", "It pu"), AnswerDetails("demo", system.id, 8, "interrupted"))
        connection.execute(
            "INSERT INTO conversations VALUES (?, ?, 1, 2, ?, ?)",
            (history.id, history.title, cut.id, system.id),
        )
        connection.executemany(
            "INSERT INTO messages VALUES (?, '0ld', ?, ?, ?, '', ?, ?, ?, ?, ?, NULL)",
            [row(node, unfinished=node is cut) for node in history.nodes()],
        )
        connection.execute("INSERT INTO drafts VALUES (?, 0, 'It pu', '')", (cut.id,))
        connection.commit()
    return history


def row(node: Node, *, unfinished: bool) -> tuple[object, ...]:
    answer = node.answer or AnswerDetails()
    finish = None if unfinished else answer.finish_reason or "stop"
    content = "" if unfinished else node.message.content
    return (node.id, node.parent, node.message.role, content, node.created, answer.model, answer.system,
            answer.seed, finish)  # fmt: skip


def test_a_database_of_the_first_version_is_brought_up(path: Path) -> None:
    old = version_1(path)
    with closing(Store(path)) as store:
        again = store.load("0ld")
        assert (again.nodes(), again.head, again.system) == (old.nodes(), old.head, old.system)
        assert found(store, "tides") == ["Why tides?"]
        assert found(store, "月") == ["月亮 pulls the café"]
        assert found(store, "cafe") == ["月亮 pulls the café"]
        assert found(store, "brief") == []
        talk(store, "new tides")
        assert found(store, "tides") == ["Why tides?", "new tides"]
    assert version(path) == len(MIGRATIONS)


def test_a_database_that_cannot_be_brought_up_stays_as_it_is(path: Path) -> None:
    version_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE words (mine)")
    assert "table words already exists" in fault_of(path)
    assert version(path) == 1


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_of_a_newer_version_is_left_alone(path: Path, mode: str) -> None:
    version_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    assert "was written by a newer qwen-chat" in fault_of(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["chats.db"]


# Damage


def full(path: Path) -> bytes:
    with closing(Store(path)) as store:
        for number in range(10):
            talk(store, f"tide {number}", "wave " * 200)
    return path.read_bytes()


@pytest.mark.parametrize(
    "data", [b"not a database, but a letter to a friend\n" * 100, b"SQLite", b"\0" * 5000]
)
def test_a_file_that_is_no_database(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    assert fault_of(path).endswith("it is damaged; move it away, a new one will be made")
    assert path.read_bytes() == data


@pytest.mark.parametrize("part", [0.0005, 0.03, 0.1, 0.5, 0.95])
def test_a_database_cut_short(path: Path, part: float) -> None:
    data = full(path)
    path.write_bytes(data[: int(len(data) * part)])
    assert fault_of(path).endswith("it is damaged; move it away, a new one will be made")


def test_100_damaged_databases_are_used_or_refused(path: Path) -> None:
    data, seeded = full(path), random.Random(2)
    refused = 0
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(seeded.randint(1, 200)):
            damaged[seeded.randrange(len(damaged))] = seeded.randrange(256)
        path.write_bytes(damaged)
        try:
            use(path)
        except (StoreError, UsageError) as error:
            refused += 1
            assert len(str(error).splitlines()) == 1  # noqa: PT017
        for file in path.parent.iterdir():
            file.unlink()
    assert refused >= 20


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper", Path("/proc/nowhere")):
        assert fault_of(folder / "chats.db").startswith(f"cannot make the folder {folder}: ")


def test_a_folder_in_the_place_of_the_database(path: Path) -> None:
    path.mkdir(parents=True)
    assert fault_of(path).startswith(f"cannot use {path}: unable to open")


def test_a_database_that_cannot_be_written(path: Path) -> None:
    history = None
    with closing(Store(path)) as store:
        history = talk(store, "q")
    with closing(Store(path)) as store:
        with store._database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(
            StoreError, match=r"readonly database: make it writable, or start with --no-history"
        ):
            store.keep(history)
        assert store.load(history.id).title == "q"


def test_a_store_that_is_closed(path: Path) -> None:
    store = Store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed database"):
        store.recent()
    with pytest.raises(StoreError, match="closed database"), store.waiting(1):
        pass


# Several at once

OPEN = """
import sys, time
from pathlib import Path
from qwen_chat.storage.store import Store
folder, start = Path(sys.argv[1]), float(sys.argv[2])
for number in range(80):
    while time.time() < start + number * 0.015:
        pass
    store = Store(folder / str(number) / "chats.db")
    assert len(store.recent()) == number % 2
    store.close()
"""

APPEND = """
import sys, time
from pathlib import Path
from qwen_chat.history import History
from qwen_chat.message import Message
from qwen_chat.storage.store import Store
path, start, name = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
while time.time() < start:
    pass
store = Store(path)
own, shared = History(name, name), History("shared", "shared")
for number in range(20):
    store.keep(own, own.add(Message("user", f"{name} {number}")))
    store.keep(shared, shared.add(Message("user", f"{name} {number} shared")))
store.close()
"""


def all_at_once(script: str, path: Path, processes: int) -> None:
    """Run a script in several processes that begin at the same moment; all must succeed."""
    start = str(time.time() + 0.5 + 0.15 * processes)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), start, f"writer{number}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    faults = [process.communicate(timeout=60)[1] for process in running]
    assert faults == [""] * processes


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_make_or_bring_up_a_database_at_once(tmp_path: Path, processes: int) -> None:
    for number in range(1, 80, 2):
        version_1(tmp_path / str(number) / "chats.db")
    all_at_once(OPEN, tmp_path, processes)
    assert {version(tmp_path / str(number) / "chats.db") for number in range(80)} == {len(MIGRATIONS)}


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_write_at_once_and_nothing_is_lost(path: Path, processes: int) -> None:
    all_at_once(APPEND, path, processes)
    names = [f"writer{number}" for number in range(processes)]
    with closing(Store(path)) as store:
        for name in names:
            assert [node.message.content for node in store.load(name).path()] == [
                f"{name} {number}" for number in range(20)
            ]
        shared = store.load("shared")
        said = [node.message.content for node in shared.nodes()]
        assert sorted(said) == sorted(f"{name} {number} shared" for name in names for number in range(20))
        assert len(shared.path()) == 20
        assert len(store.search("shared", 1000)) == 20 * processes
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
