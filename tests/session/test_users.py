"""Who talks: conversations stay open as long as they are needed, and are found again afterwards."""

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from threading import Event

import pytest
from pages import Parrot, until
from scripted import ScriptedModel

from qwen_chat.errors import UsageError
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store

MANY = 80


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with closing(Store(tmp_path / "chats.db")) as store:
        yield Person("", Parrot(), Settings(), store)


def said(person: Person, text: str, *, incognito: bool = False) -> str:
    session = person.begin(incognito=incognito)
    session.send(text).wait()
    return session.history.id


def test_one_conversation_is_one_session(person: Person) -> None:
    chat = said(person, "hello")
    assert person.find(chat) is person.find(chat)


def test_an_older_one_is_closed_and_read_again(person: Person) -> None:
    first = said(person, "the first")
    session = person.find(first)
    for number in range(MANY):
        said(person, f"number {number}")
    assert len(person.sessions) < MANY
    assert person.find(first) is not session
    assert [node.message.content for node in person.find(first).history.path()] == ["the first", "the first "]


def test_one_that_is_looked_at_stays_open(person: Person) -> None:
    session = person.find(said(person, "hello"))
    person.count_watchers(session, +1)
    for number in range(MANY):
        said(person, f"number {number}")
    assert person.find(session.history.id) is session


def test_what_is_not_saved_stays_open(person: Person) -> None:
    hidden = said(person, "hidden", incognito=True)
    empty = person.begin().history.id
    for number in range(MANY):
        said(person, f"number {number}")
    assert person.find(hidden).history.path()[0].message.content == "hidden"
    assert person.find(empty).history.path() == []


def test_without_a_store_nothing_is_closed() -> None:
    person = Person("", Parrot(), Settings(history=False), None)
    chats = [said(person, f"number {number}") for number in range(MANY)]
    assert [person.find(chat).history.id for chat in chats] == chats


@pytest.mark.parametrize("id", ["", "nowhere", "%", "../x"])
def test_one_that_is_not_there_is_said(person: Person, id: str) -> None:
    said(person, "hello")
    with pytest.raises(UsageError, match="this conversation is gone"):
        person.find(id)


def test_the_beginning_of_an_id_is_not_the_id(person: Person) -> None:
    chat = said(person, "hello")
    person.delete(said(person, "other"))
    person._open.clear()
    with pytest.raises(UsageError, match="gone"):
        person.find(chat[:4])


def test_a_deleted_one_is_gone_while_it_answers(person: Person) -> None:
    person.model = Parrot(times=1000, pause=0.01)
    session = person.begin()
    turn = session.send("words")
    person.delete(session.history.id)
    assert turn.done
    with pytest.raises(UsageError, match="gone"):
        person.find(session.history.id)


def test_people_are_who_they_are(tmp_path: Path) -> None:
    people = People(lambda name: Person(name, Parrot(), Settings(), None))
    assert people["ann"] is people["ann"]
    assert people["ann"] is not people["bob"]
    assert [person.name for person in people] == ["ann", "bob"]
    with pytest.raises(UsageError, match="gone"):
        people["bob"].find(said(people["ann"], "a secret"))


def test_who_lists_conversations_is_told_when_an_answer_begins_and_when_it_ends(person: Person) -> None:
    go = Event()
    person.model = ScriptedModel("one ", go, *["more "] * 100)
    session = person.begin()
    told: list[list[str]] = []
    with person.changes.subscribe(lambda: told.append(person.answering)):
        session.send("count")
        go.set()
        until(lambda: told[-1:] == [[]])
    assert [names for names, _ in groupby(told)] == [[session.history.id], []]
    # Each piece of an answer is told of in its conversation alone; two threads may hear of its beginning.
    assert len(told) <= 4
