"""`qwen-chat web`: the same conversations in a browser."""

import re
import sys
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import click

from qwen_chat.cli.address_flags import split
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.cli.serving_process import print_fault, print_line, stop_signals, wait_for
from qwen_chat.cli.shared_page import open_browser
from qwen_chat.cli.web_flags import WebFlags, web_flags
from qwen_chat.files.paths import data_dir
from qwen_chat.http import accounts
from qwen_chat.model.base import ChatModel, wait_until_loaded
from qwen_chat.model.factory import open_model
from qwen_chat.model.state import Failed
from qwen_chat.roles import load_role
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store, default_path
from qwen_chat.web.serving import Page
from qwen_chat.web.tunnel import open_tunnel

_READABLE_LENGTH = 24
_NOBODY_SECONDS, _DRAWING_SECONDS = 2.0, 1.0
"""The engine holds everything up while it opens a model: that waits for a browser, and until it has drawn."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@web_flags
@setting_flags
def web(**flags: Any) -> int:  # noqa: ANN401
    """Open the page: the same conversations in a browser, for one person or a team."""
    options, given = split(flags, WebFlags)
    if options.hashed is not None:
        return _print_hash(options.hashed)
    options.check()
    chosen = read_settings(given, system_file=None)
    if chosen.role:
        load_role(chosen.role)
    accounts_given, certificate = options.accounts(), options.certificate()
    with ExitStack() as stack:
        _, model = open_model(chosen, sys.stderr)
        people = _make_people(model, chosen, stack.enter_context(ExitStack()))
        if accounts_given is None:
            _ = people[""]  # that the conversations cannot be opened is said now, not on the page
        page = Page(
            people,
            options.server_name,
            options.server_port,
            accounts=accounts_given,
            root_path=options.root_path,
            certificate=certificate,
            may_fetch=options.is_private,
        )
        stack.callback(model.close)
        stack.callback(_close, people)
        stack.callback(page.stop)
        _serve(page, model, options)
    return 0


def _serve(page: Page, model: ChatModel, options: WebFlags) -> None:
    page.start()
    with ExitStack() as stack:
        stopped = stack.enter_context(stop_signals())
        print_line(page.url)
        if options.share:
            url = stack.enter_context(open_tunnel(page.port))
            page.allow(url)
            print_line(url)
        if options.inbrowser:
            Thread(target=open_browser, args=(page.url,), daemon=True).start()
        Thread(target=_load, args=(page, model), daemon=True).start()
        wait_for(stopped)


def _make_people(model: ChatModel, chosen: Settings, stores: ExitStack) -> People:
    def make(name: str) -> Person:
        store = stores.enter_context(closing(Store(_database_path(name)))) if chosen.history else None
        return Person(name, model, chosen, store)

    return People(make)


def _database_path(name: str) -> Path:
    """Return where a person's conversations are kept; no two names share a place, on any disk."""
    if not name:
        return default_path()
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_READABLE_LENGTH].strip("-")
    return data_dir() / "people" / f"{readable}-{sha256(name.encode()).hexdigest()[:16]}" / "chats.db"


def _load(page: Page, model: ChatModel) -> None:
    """Load the model once the page is there, and say here, too, when it cannot be loaded."""
    if page.opened.wait(_NOBODY_SECONDS):
        sleep(_DRAWING_SECONDS)
    state = wait_until_loaded(model)
    if isinstance(state, Failed):
        print_fault(str(state.error))


def _close(people: People) -> None:
    for path in people.close():
        print_fault(f"a conversation could not be saved; it is in {path}, /load reads it")
    for person in people:
        person.model.close()


def _print_hash(name: str) -> int:
    password = click.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    print_line(accounts.account_line(name, password))
    return 0
