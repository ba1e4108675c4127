"""Pages for tests: a real server on a free port, and people who talk to it over HTTP."""

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import without_panel  # noqa: F401
from scripted import AnsweringModel

from qwen_chat.http.accounts import Accounts
from qwen_chat.message import Delta
from qwen_chat.model.base import ChatModel
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.web.serving import Page

LONGEST = 60.0
"""Seconds that anything may take."""

COMMAND_WITHOUT_PANEL = f"""
import sys
sys.path.append({str(Path(__file__).parent)!r})
import without_panel
from qwen_chat.cli import run
run()
"""
"""The command as a program for `python -c`, whose page imports Gradio only when the settings are opened."""


class Parrot(AnsweringModel):
    """Says the last message again, word by word, as often as `times`."""

    def __init__(self, times: int = 1, pause: float = 0.0) -> None:
        super().__init__(context_length=1_000_000)
        self.times, self.pause = times, pause

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield the words of the message."""
        for word in told.split() * self.times:
            yield Delta(f"{word} ")


@dataclass(frozen=True, slots=True)
class Served:
    """A page that is served, and whose it is."""

    page: Page
    people: People

    @property
    def store(self) -> Store:
        """The conversations of the one person, where nobody logs in."""
        kept = self.people[""].store
        assert kept is not None
        return kept

    @contextmanager
    def visitor(self, **options: Any) -> Iterator["Visitor"]:
        """Open a browser without a window, or a script, as one may see it."""
        options = {"base_url": self.page.url, "timeout": LONGEST, **options}
        with httpx.Client(**options) as client:
            yield Visitor(client)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Someone who talks to a page."""

    http: httpx.Client

    def log_in(self, name: str, password: str, **more: str) -> httpx.Response:
        """Fill in the form."""
        return self.http.post("login", data={"name": name, "password": password, **more})

    def begin(self, **body: Any) -> str:
        """Begin a conversation, and return its id."""
        answer = self.http.post("chat/new", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["chat"])

    def send(self, chat: str, text: str) -> httpx.Response:
        """Send a message."""
        return self.http.post(f"chat/{chat}/send", json={"text": text, "files": []})

    def frames(self, chat: str) -> Iterator[dict[str, Any]]:
        """Follow a conversation."""
        with self.http.stream("GET", f"chat/{chat}/events") as events:
            assert events.status_code == 200, events.read()
            for line in events.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def answer(self, chat: str) -> str:
        """Wait until nothing is being written, and return the last message as it was written."""
        order: list[str] = []
        for frame in self.frames(chat):
            order = frame.get("order", order)
            if frame.get("chat", {}).get("running", "") is None:
                break
        return self.http.get(f"chat/{chat}/text/{order[-1]}").text


@contextmanager
def served(
    folder: Path,
    model: ChatModel | None = None,
    accounts: Accounts | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Generator[Served, None, None]:
    """Serve a page whose people have their conversations below `folder`."""
    stores: list[Store] = []

    def person(name: str) -> Person:
        stores.append(Store(folder / f"{name or 'nobody'}.db"))
        return Person(name, model or Parrot(), settings or Settings(), stores[-1])

    people = People(person)
    page = Page(people, accounts=accounts, **options)
    page.start()
    try:
        yield Served(page, people)
    finally:
        page.stop()
        people.close()
        for store in stores:
            store.close()


def until(what: Callable[[], bool], seconds: float = LONGEST) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def quickly_hashed(password: str) -> str:
    """Return a hash for an account that costs next to nothing to check, where many log in."""
    key = hashlib.scrypt(password.encode(), salt=b"salt" * 2, n=2, r=8, p=1).hex()
    return f"scrypt:2:8:1$saltsalt${key}"
