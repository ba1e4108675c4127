"""What one page is sent: all of it at first, then what changed, and nothing twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from scripted import ScriptedModel

from qwen_chat import i18n
from qwen_chat.errors import ModelError
from qwen_chat.roles import load_role
from qwen_chat.session.session import ChatSession
from qwen_chat.storage.store import Store
from qwen_chat.web.feed import RECENT, Feed
from qwen_chat.web.views import JSON


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "chats.db")) as opened:
        yield opened


def talked(store: Store, *script: str | Exception | Event, turns: int = 1) -> ChatSession:
    session = ChatSession(ScriptedModel(*script, context_length=10**6), store=store)
    for number in range(turns):
        session.send(f"question {number}").wait()
    return session


def test_all_at_first_then_nothing(store: Store) -> None:
    session = talked(store, "*hello*")
    feed = Feed(session)
    frame = feed.next()
    assert frame["order"] == [node.id for node in session.history.path()]
    assert [message["html"] for message in frame["messages"].values()] == [
        "question 0",
        "<p><em>hello</em></p>\n",
    ]
    assert frame["chat"]["title"] == "question 0"
    assert feed.next() == {}


def test_a_change_brings_what_changed(store: Store) -> None:
    session = talked(store, "hello", turns=3)
    feed = Feed(session)
    feed.next()
    session.rename("another name")
    assert feed.next()["chat"]["title"] == "another name"
    session.regenerate().wait()
    frame = feed.next()
    # The new answer, and the one beside it, which now has a sibling but is out of view.
    (message,) = frame["messages"].values()
    assert len(message["siblings"]) == 2
    assert frame["order"][:-1] == [node.id for node in session.history.path()][:-1]


def test_an_answer_comes_in_pieces(store: Store) -> None:
    more, end = Event(), Event()
    session = talked(store, "One. ", more, "Two.\n\nThree", end, turns=0)
    feed, late = Feed(session), Feed(session)
    turn = session.send("count")
    until_pieces(feed, turn.message_id, "<p>One.</p>\n")
    more.set()
    until_pieces(feed, turn.message_id, "Three")
    assert until_pieces(late, turn.message_id, "Three").startswith("<p>One. Two.</p>")
    end.set()
    turn.wait()
    frame = feed.next()
    message = frame["messages"][turn.message_id]
    assert (message["html"], message["writing"]) == ("<p>One. Two.</p>\n<p>Three</p>\n", False)
    assert frame["chat"]["running"] is None
    assert feed.next() == {}


def until_pieces(feed: Feed, id: str, text: str) -> str:
    """Take frames until the text has come, and return all that came of the answer."""
    came = ""
    for _ in range(10_000):
        live = feed.next().get("live")
        if live and live["id"] == id and live["answer"]:
            came += live["answer"]["closed"] + live["answer"]["add"]
        if text in came:
            return came
    raise AssertionError(came)


def test_the_message_comes_no_later_than_its_first_word(store: Store) -> None:
    """The page is told of the first word before the session is done with sending."""
    end = Event()
    session = talked(store, "One", end, turns=0)
    feed = Feed(session)
    feed.next()
    frames: list[JSON] = []
    with session.changes.subscribe(lambda: frames.append(feed.next())):
        turn = session.send("count")
        until_told = (frame for _ in range(10**6) for frame in frames if frame.get("live", {}).get("answer"))
        first = next(until_told)
        end.set()
        turn.wait()
    known = [id for frame in frames[: frames.index(first) + 1] for id in frame.get("messages", {})]
    assert turn.message_id in known


def test_what_went_wrong_is_said_once(store: Store) -> None:
    session = talked(store, "so ", ModelError("the engine is gone"), turns=0)
    feed = Feed(session)
    turn = session.send("hello")
    turn.wait()
    assert feed.next()["notices"] == [i18n.as_json("the engine is gone")]
    assert "notices" not in feed.next()
    # Who comes later is told, too; who comes when all is well, is not.
    assert Feed(session).next()["notices"] == [i18n.as_json("the engine is gone")]
    session.model = ScriptedModel("well")
    session.regenerate().wait()
    assert "notices" not in Feed(session).next()


def test_another_conversation_in_the_session_is_sent_anew(store: Store) -> None:
    session = talked(store, "hello")
    feed = Feed(session)
    first = feed.next()["chat"]["id"]
    session.take_role(load_role("pirate"))
    frame = feed.next()
    assert frame["chat"]["id"] != first
    assert frame["chat"]["role"]["name"] == "pirate"
    assert [message["role"] for message in frame["messages"].values()] == ["assistant"]


def test_of_a_long_one_the_end_comes_first(store: Store) -> None:
    session = talked(store, "hello", turns=RECENT)
    feed = Feed(session)
    frame = feed.next()
    assert len(frame["order"]) == 2 * RECENT
    assert list(frame["messages"]) == frame["order"][-RECENT:]
    session.send("one more").wait()
    frame = feed.next()
    # The one before them is the last no longer.
    assert set(frame["messages"]) == set(frame["order"][-3:])


def test_the_list_is_another_when_a_conversation_is(store: Store) -> None:
    feed = Feed(talked(store, "hello"))
    before = feed.next()["list"]
    store.pin(store.recent(1)[0].id, pinned=True)
    pinned = feed.next()["list"]
    talked(store, "hello")
    assert len({before, pinned, feed.next()["list"]}) == 3
