"""kill -9 at any moment of an answer: the question stays, and the answer up to the last second."""

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from places import DATA
from thorough import times

from qwen_chat.export import from_json, to_json
from qwen_chat.history import Node
from qwen_chat.storage.store import Store

DRIVER = DATA / "killed_chat.py"

LOST_SECONDS = 1.0
"""How much of the end of an answer may be lost."""


@dataclass
class Killed:
    """What a chat told before it was killed: its conversation, and the pieces its model made."""

    conversation: str | None = None
    ended: bool = False
    times: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    reasonings: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        event: dict[str, Any] = json.loads(line)
        self.conversation = event.get("sent", self.conversation)
        self.ended = self.ended or "ended" in event
        if "time" in event:
            self.times.append(event["time"])
            self.texts.append(event["text"])
            self.reasonings.append(event["reasoning"])

    def safe(self) -> int:
        """Return how many pieces were made so early that they must not be lost.

        The last piece may never have reached the session, so time counts from the one before it.
        """
        return sum(moment < self.times[-2] - LOST_SECONDS for moment in self.times) if self.times[1:] else 0


@contextmanager
def chat(path: Path, question: str, conversation: str, *model: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(DRIVER), str(path), question, conversation, *model]
    # What an engine keeps in the temporary folder stays there when it is killed.
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": folder}
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def kill(path: Path, question: str, conversation: str, *model: str, after: str, delay: float) -> Killed:
    """Run a chat, kill it `delay` seconds after it told of `after`, and return all it told."""
    killed = Killed()
    with chat(path, question, conversation, *model) as process:
        assert process.stdout is not None
        for line in process.stdout:
            killed.hear(line)
            if after in json.loads(line):
                break
        time.sleep(delay)
        process.kill()
        for line in process.stdout:
            killed.hear(line)
    assert process.returncode == -9
    return killed


def check(path: Path, question: str, killed: Killed) -> Node:
    """See to it that nothing is lost that should not be, and return the answer as it was kept."""
    assert killed.conversation is not None
    with closing(Store(path)) as store:
        history = store.load(killed.conversation)
    asked, answer = history.path()[-2:]
    assert (asked.message.role, asked.message.content) == ("user", question)
    assert history.system is not None
    assert answer.answer is not None
    assert answer.answer.system == history.system.id
    assert killed.ended or answer.answer.finish_reason == "interrupted"
    safe = killed.safe()
    for kept, pieces in (
        (answer.message.content, killed.texts),
        (answer.message.reasoning, killed.reasonings),
    ):
        assert "".join(pieces).startswith(kept)
        assert kept.startswith("".join(pieces[:safe]))
    return answer


def faults_of(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return connection.execute("PRAGMA integrity_check").fetchall()


def kill_often(path: Path, seed: int, count: int, *model: str) -> list[Node]:
    """Kill chats one after the other, every other one going on where the last one was killed."""
    seeded, conversation, answers = random.Random(seed), "", []
    for number in range(count):
        question = f"Tell a long story, number {seed} {number}."
        after = "time" if number % 3 else "sent"
        delay = seeded.uniform(0, 1.4)
        killed = kill(path, question, conversation, *model, after=after, delay=delay)
        answers.append(check(path, question, killed))
        conversation = killed.conversation or "" if number % 2 == 0 else ""
    return answers


def check_all(path: Path, answers: list[Node]) -> None:
    """See to it that every answer, also of chats that went on later, is as it was right after its kill."""
    assert faults_of(path) == [("ok",)]
    with closing(Store(path)) as store:
        histories = [store.load(chat.id) for chat in store.recent(1000)]
        assert len(store.search("long story", 1000)) >= len(answers)
    kept = {node.id: node for history in histories for node in history.nodes()}
    assert [kept[answer.id] for answer in answers] == answers
    assert all(len(from_json(to_json(history))) == len(history) for history in histories)


def test_kills_lose_no_question_and_no_more_than_a_second(tmp_path: Path) -> None:
    path, kills = tmp_path / "chats.db", times(20, 100)
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(lambda seed: kill_often(path, seed, kills // 10), range(10))
        answers = [node for done in runs for node in done]
    assert len(answers) == kills
    assert sum(bool(answer.message.content) for answer in answers) > kills * 0.3
    assert sum(bool(answer.message.reasoning) for answer in answers) > kills * 0.3
    check_all(path, answers)


def test_kills_of_the_real_engine(tmp_path: Path, model_path: Path) -> None:
    path, each = tmp_path / "chats.db", times(2, 5)
    with ThreadPoolExecutor(3) as pool:
        runs = pool.map(lambda seed: kill_often(path, seed, each, str(model_path)), (1, 2, 3))
        answers = [node for done in runs for node in done]
    assert len(answers) == 3 * each
    assert any(answer.message.content for answer in answers)
    check_all(path, answers)


def test_20_kills_while_a_new_database_is_made(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: kill_new(tmp_path / f"{number}.db", number / 1000), range(20)))


def kill_new(path: Path, delay: float) -> None:
    killed = kill(path, "hello", "", after="opens", delay=delay)
    with closing(Store(path)) as store:
        kept = [store.load(chat.id) for chat in store.recent()]
    if killed.conversation is not None:
        assert [history.id for history in kept] == [killed.conversation]
        assert kept[0].path()[0].message.content == "hello"
    assert all(len(history.path()) <= 2 for history in kept)
    assert faults_of(path) == [("ok",)]
