"""Pages for tests in a browser: with short answers, and a window that shows a fresh conversation."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pages import Served, served

from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message, Usage
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from shared_window import SharedWindow
    from windows import Window

    from qwen_chat.model.llamacpp.engine import LlamaCppModel

SHORT = Settings(sampling=SamplingParams(max_new_tokens=8, temperature=0.0))


@pytest.fixture(scope="session")
def page(babbler_model: "LlamaCppModel", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of one person; its answers are short, come at once, and have no sense."""
    with served(tmp_path_factory.mktemp("chats"), babbler_model, settings=SHORT) as opened:
        yield opened


@pytest.fixture(scope="session")
def page_of_demo(model: "LlamaCppModel", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with the demo model, which takes its time where a test wants long answers."""
    with served(tmp_path_factory.mktemp("chats"), model, settings=SHORT) as opened:
        yield opened


@pytest.fixture
def store(page: Served) -> Store:
    """The conversations of that person, or of the person of another page that a module has."""
    return page.store


@pytest.fixture(scope="session")
def shared_window(browser: "Browser") -> Iterator["SharedWindow"]:
    """A window that tests use in turn."""
    from shared_window import SharedWindow

    shared = SharedWindow(browser)
    yield shared
    shared.close()


@pytest.fixture
def here(shared_window: "SharedWindow", page: Served) -> Iterator["Window"]:
    """A window with an empty profile and a fresh conversation."""
    with shared_window.lend(page.page.url) as lent:
        yield lent


@pytest.fixture
def at_length(here: "Window", page: Served) -> Iterator["Window"]:
    """A window with a fresh conversation in which answers take a while."""
    person = page.people[""]
    before, person.settings = (
        person.settings,
        replace(SHORT, sampling=SamplingParams(max_new_tokens=1500, temperature=0.0)),
    )
    chat = here.chat
    here.page.keyboard.press("Control+Shift+O")
    here.page.wait_for_function("chat => !location.search.includes(chat)", arg=chat)
    yield here
    person.settings = before


def said(store: Store, question: str, answer: str, title: str = "") -> str:
    """Keep a conversation, and return its id."""
    history = History(title=title or question)
    history.add(Message("user", question))
    usage = Usage(10, 20, prefill_seconds=0.5, decode_seconds=1.5)
    history.add(Message("assistant", answer), AnswerDetails("smol", finish_reason="stop", usage=usage))
    store.add_all([history])
    return history.id


def ended(page: Served, chat: str) -> None:
    """Wait until nothing is written in a conversation: the engine ends the step that it is in."""
    turn = page.people[""].find(chat).running
    if turn is not None:
        turn.wait()


def raw(store: Store, chat: str) -> str:
    """Return the last message of a conversation as it is kept."""
    return store.load(chat).path()[-1].message.content
