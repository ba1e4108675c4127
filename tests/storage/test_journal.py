"""What a conversation does when its store is locked, full or gone: it goes on, and nothing is lost."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from qwen_chat.errors import StoreError
from qwen_chat.export import from_json
from qwen_chat.history import History, Node
from qwen_chat.message import Message
from qwen_chat.model.base import (
    PLAIN,
    Cancel,
    Capabilities,
    Chat,
    ChatModel,
    Deltas,
    LoadedModel,
    PromptOptions,
)
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.roles import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.settings import Settings
from qwen_chat.storage import journal
from qwen_chat.storage.journal import Journal
from qwen_chat.storage.store import Store, default_path

NOT_SAVED = "not saved yet, will try again: cannot use "


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


@pytest.fixture
def rescued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that rescued conversations go to."""
    folder = tmp_path / "rescued"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def begin(model: ChatModel, store: Store | None, tokens: int = 8) -> ChatSession:
    return ChatSession(model, Settings(sampling=SamplingParams(seed=1, max_new_tokens=tokens)), store=store)


class Watched(LoadedModel):
    """The real model, with a watch on how long each piece of its answer is held up before the next."""

    def __init__(self, model: LlamaCppModel) -> None:
        self.name, self.context_length = model.name, model.context_length
        self.default_params, self.default_system = model.default_params, model.default_system
        self.notice, self.capabilities = model.notice, Capabilities()
        self.held_up: list[float] = []
        self._model = model

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        for delta in self._model.stream(messages, params, options, cancel=cancel):
            given = time.monotonic()
            yield delta
            self.held_up.append(time.monotonic() - given)

    def close(self) -> None:
        self._model.close()


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Hold the database as another program might, until the block ends or what it gives is called."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection.rollback


def fill(store: Store) -> None:
    """Let the database grow no more, and use up what is free in it: SQLite then finds its disk full."""
    with store._database.reading() as db:
        used = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {used}")
    history = History(title="what fills the disk")
    for size in (1000, 1):
        with pytest.raises(StoreError, match="database or disk is full: make room on the disk"):
            keep_on(store, history, "x" * size)
    with pytest.raises(StoreError, match="database or disk is full"):
        keep_new_ones(store)


def keep_on(store: Store, history: History, text: str) -> NoReturn:
    while True:
        store.keep(history, history.add(Message("user", text)))


def keep_new_ones(store: Store) -> NoReturn:
    while True:
        history = History(title="t")
        store.keep(history, history.add(Message("user", "q")))


def make_room(store: Store) -> None:
    with store._database.reading() as db:
        db.execute("PRAGMA max_page_count = 1000000")


def kept(path: Path, history: History) -> list[Node]:
    """Return what another process would find of a conversation."""
    with closing(Store(path)) as store:
        return store.load(history.id).nodes()


def said(nodes: list[Node]) -> list[tuple[Message, str | None]]:
    return [(node.message, node.answer.finish_reason if node.answer else None) for node in nodes]


def ask(session: ChatSession, text: str) -> list[str]:
    """Ask, see to it that there is an answer, and return the notices."""
    turn = session.send(text)
    assert turn.wait().message.content
    assert turn.error is None
    return turn.notices


def ask_timed(session: ChatSession, text: str) -> tuple[list[str], float]:
    """Ask, and return the notices and the seconds that were not the engine's."""
    began = time.monotonic()
    notices = ask(session, text)
    answer = session.history.path()[-1].answer
    assert answer is not None
    assert answer.usage is not None
    spent = time.monotonic() - began
    return notices, spent - answer.usage.prefill_seconds - answer.usage.decode_seconds


def watch(turn: Turn, *then: Callable[[], None], deltas: int = 1000) -> None:
    """Watch an answer to its end, and do something when it is that long, or when its drafts had time."""
    began = time.monotonic()
    for number, _ in enumerate(turn):
        if number == deltas or time.monotonic() - began > 1.5:
            for act in then:
                act()


# Locked


@pytest.mark.timing
def test_a_locked_store_is_written_when_it_is_free(
    model: LlamaCppModel, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy_seconds = 2.0
    monkeypatch.setattr(journal, "BUSY_SECONDS", busy_seconds)
    session = begin(model, store)
    session.set_system("Be brief.")
    assert ask(session, "one") == []
    with locked(path):
        (notice,), seconds = ask_timed(session, "two")
        assert notice.startswith(f"{NOT_SAVED}{path}: database is locked")
        # Only the first of the turn's events may wait.
        assert busy_seconds - 0.4 < seconds < 2.5 * busy_seconds
        (notice,), seconds = ask_timed(session, "three")
        assert notice.startswith(NOT_SAVED)
        assert seconds < busy_seconds
        assert len(kept(path, session.history)) == 3
    assert ask(session, "four") == []
    assert kept(path, session.history) == session.history.nodes()
    assert session.close() is None


@pytest.mark.timing
def test_a_lock_does_not_hold_up_an_answer(model: LlamaCppModel, store: Store, path: Path) -> None:
    watched = Watched(model)
    session = begin(watched, store, tokens=200)
    turn = session.send("Tell me a long story about a dragon.")
    with locked(path) as unlock:
        watch(turn, unlock, turn.stop, deltas=150)
    assert max(watched.held_up) < 1
    assert turn.notices == []
    assert said(kept(path, session.history)) == said(session.history.nodes())


def test_a_store_that_stays_locked_is_written_at_the_end(
    model: LlamaCppModel, store: Store, path: Path, rescued: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "BUSY_SECONDS", 0.2)
    session = begin(model, store)
    with locked(path):
        assert len(ask(session, "one")) == 1
    assert session.close() is None
    assert list(rescued.iterdir()) == []
    assert kept(path, session.history) == session.history.nodes()


# Full


def test_a_full_disk_keeps_the_answer_in_memory(model: LlamaCppModel, store: Store, path: Path) -> None:
    session = begin(model, store)
    assert ask(session, "one") == []
    fill(store)
    (notice,) = ask(session, "two")
    assert notice == f"{NOT_SAVED}{path}: database or disk is full: make room on the disk"
    assert len(kept(path, session.history)) == 2
    assert len(ask(session, "three")) == 1
    make_room(store)
    assert ask(session, "four") == []
    assert kept(path, session.history) == session.history.nodes()
    assert len(session.history.nodes()) == 8


def test_a_disk_that_fills_while_an_answer_is_written(model: LlamaCppModel, store: Store, path: Path) -> None:
    session = begin(model, store, tokens=200)
    turn = session.send("Tell me a long story about a dragon.")
    next(iter(turn))
    fill(store)
    watch(turn, turn.stop)
    assert turn.wait().message.content
    assert len(turn.notices) == 1
    make_room(store)
    session.configure(SamplingParams(max_new_tokens=8))
    assert ask(session, "And then?") == []
    assert kept(path, session.history) == session.history.nodes()


def test_what_never_could_be_saved_is_rescued(model: LlamaCppModel, store: Store, rescued: Path) -> None:
    session = begin(model, store)
    session.set_system("Be brief.")
    assert ask(session, "one") == []
    fill(store)
    assert len(ask(session, "two \0 二")) == 1
    session.undo()
    session.edit(session.history.message_at(1).id, "one, again")
    file = session.close()
    assert file is not None
    assert file.parent.parent == rescued
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = from_json(file.read_text(encoding="utf-8"))
    assert said(again.nodes()) == said(session.history.nodes())
    assert said(again.path()) == said(session.history.path())
    assert again.title == "one"


def test_every_conversation_that_waits_is_rescued(model: LlamaCppModel, store: Store, rescued: Path) -> None:
    session = begin(model, store)
    assert ask(session, "saved") == []
    fill(store)
    histories = []
    for question in ("first", "second"):
        session.new()
        ask(session, question)
        histories.append(session.history)
    folder = session.close()
    assert folder is not None
    assert folder.parent == rescued
    files = sorted(folder.iterdir())
    assert [said(from_json(file.read_text(encoding="utf-8")).path()) for file in files] == [
        said(history.path()) for history in histories
    ]


def test_no_room_for_a_rescue_either(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    waiting, history = Journal(store), History(title="t")
    waiting.begin(history)
    fill(store)
    waiting.keep(history, history.add(Message("user", "q")))
    assert waiting.fault is not None
    with pytest.raises(StoreError, match=r"^the conversation cannot be saved anywhere: No such file"):
        waiting.rescue()


def test_the_command_on_a_full_disk(model_path: Path, tmp_path: Path) -> None:
    assert model_path.is_file()
    path = default_path()
    Store(path).close()
    (tmp_path / "tmp").mkdir()
    question = "What is the Moon? " + "Please. " * 50
    # No file may grow beyond 48 KiB: the log of the database soon reaches that, what is rescued does not.
    limit = ["--max-new-tokens", "12"]
    command = 'ulimit -f 48; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "-", sys.executable, "-m", "qwen_chat", "-p", question, *limit],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert f"{NOT_SAVED}{path}: disk I/O error" in done.stderr
    (file,) = (tmp_path / "tmp").glob("*/*.json")
    assert f"the conversation could not be saved; it is in {file}, /load reads it" in done.stderr
    asked, answer = from_json(file.read_text(encoding="utf-8")).path()
    assert asked.message.content == question
    assert answer.message.content == done.stdout.rstrip("\n")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# In order, and for good


def test_a_greeting_is_kept_before_the_question(model: LlamaCppModel, store: Store, path: Path) -> None:
    role = Role("sage", "Sage", "Be wise.", greeting="Well met.")
    session = ChatSession(model, Settings(sampling=SamplingParams(max_new_tokens=4)), store=store, role=role)
    assert store.recent() == []
    ask(session, "hello")
    nodes = kept(path, session.history)
    assert nodes == session.history.nodes()
    assert [node.message.content for node in nodes[:3]] == ["Be wise.", "Well met.", "hello"]


def test_an_edited_greeting_is_kept_with_what_it_replaced(
    model: LlamaCppModel, store: Store, path: Path
) -> None:
    role = Role("sage", "Sage", "Be wise.", greeting="Well met.")
    session = ChatSession(model, Settings(), store=store, role=role)
    assert session.edit(session.history.message_at(1).id, "Well met, friend.") is None
    assert kept(path, session.history) == session.history.nodes()
    assert len(session.history.nodes()) == 3


def test_a_conversation_that_is_deleted_meanwhile_holds_up_nothing(
    model: LlamaCppModel, store: Store, path: Path
) -> None:
    session = begin(model, store, tokens=200)
    turn = session.send("Tell me a long story about a dragon.")
    next(iter(turn))
    with closing(Store(path)) as other:
        other.delete(session.history.id)
    watch(turn, turn.stop)
    assert turn.notices == []
    session.configure(SamplingParams(max_new_tokens=8))
    assert ask(session, "And then?") == []
    assert session.history.nodes()[-1] in kept(path, session.history)
    assert session.close() is None


def test_without_a_store_nothing_waits(model: LlamaCppModel, home: Path) -> None:
    session = begin(model, None)
    assert ask(session, "hello") == []
    assert session.close() is None
    assert not home.exists()
