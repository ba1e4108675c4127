"""Commands on the page, and the way out, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import Served, served
from playwright.sync_api import Browser, expect
from windows import Window, window

from qwen_chat.http.accounts import Accounts


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("commands")) as opened:
        yield opened


def test_a_command_says_its_text_and_sends_nothing(here: Window) -> None:
    here.ask("/help conf")
    expect(here.page.locator(".output")).to_contain_text("/conf")
    expect(here.page.locator("#composer textarea")).to_have_value("")
    expect(here.page.locator(".message")).to_have_count(0)
    here.says("hello")
    expect(here.page.locator(".output")).to_be_hidden()


def test_an_unknown_command_is_a_fault_and_stays_in_its_place(here: Window) -> None:
    here.ask("/hlep")
    expect(here.page.get_by_role("alert").get_by_text("did you mean /help?")).to_be_visible()
    expect(here.page.locator("#composer textarea")).to_have_value("/hlep")


def test_edit_opens_the_message_in_its_place(here: Window) -> None:
    here.says("one")
    here.ask("/edit 1")
    expect(here.page.locator(".message.user textarea")).to_have_value("one")


def test_a_new_conversation_by_command(here: Window) -> None:
    here.says("one")
    before = here.chat
    here.ask("/new")
    expect(here.page.locator(".welcome:not([hidden])")).to_be_visible()
    assert here.chat != before


def test_the_way_out(browser: Browser, tmp_path: Path) -> None:
    accounts = Accounts([("ann", "secret")])
    with served(tmp_path, accounts=accounts) as team, window(browser, team.page.url) as here:
        here.page.goto(team.page.url)
        here.page.fill("input[name=name]", "ann")
        here.page.fill("input[name=password]", "secret")
        here.page.keyboard.press("Enter")
        here.ready()
        here.page.keyboard.press("Control+b")
        here.page.get_by_role("button", name="Log out").click()
        here.page.wait_for_selector("input[name=password]")
        here.page.goto(team.page.url)
        here.page.wait_for_selector("input[name=password]")


def log_in(here: Window, name: str, password: str) -> None:
    here.page.goto(here.url)
    here.page.fill("input[name=name]", name)
    here.page.fill("input[name=password]", password)
    here.page.keyboard.press("Enter")
    here.ready()


def test_two_people_have_conversations_of_their_own(browser: Browser, tmp_path: Path) -> None:
    accounts = Accounts([("ann", "secret"), ("bob", "other")])
    with (
        served(tmp_path, accounts=accounts) as team,
        window(browser, team.page.url) as ann,
        window(browser, team.page.url) as bob,
    ):
        log_in(ann, "ann", "secret")
        log_in(bob, "bob", "other")
        ann.says("what ann said")
        bob.says("what bob said")
        for here, own in ((ann, "what ann said"), (bob, "what bob said")):
            here.page.keyboard.press("Control+b")
            expect(here.page.locator("#chats .chat")).to_have_count(1)
            expect(here.page.locator("#chats")).to_contain_text(own)
        bob.page.goto(f"{team.page.url}?chat={ann.chat}")
        expect(bob.page.get_by_role("heading", name="This conversation is gone")).to_be_visible()
        expect(bob.page.locator("body")).not_to_contain_text("what ann said")
