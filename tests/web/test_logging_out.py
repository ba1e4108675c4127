"""Logging out ends what is still sent to that login, in every tab, and loses nothing that was typed."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest
from pages import Parrot, Served, Visitor, served
from playwright.sync_api import Browser, expect
from windows import window

from qwen_chat.http.accounts import Accounts


@pytest.fixture
def team(tmp_path: Path) -> Generator[Served, None, None]:
    """A page for two, where answers never end by themselves."""
    known = Accounts([("ann", "secret"), ("bob", "geheim")])
    with served(tmp_path, Parrot(times=10**6, pause=0.02), known) as page:
        yield page


def follow(visitor: Visitor, address: str, begun: Event) -> int:
    """Read a stream until it ends, and return how much came."""
    with visitor.http.stream("GET", address) as events:
        assert events.status_code == 200
        size = 0
        for piece in events.iter_bytes():
            size += len(piece)
            begun.set()
    return size


@pytest.mark.parametrize("leaves", ["logout", "login"])
def test_every_stream_of_a_login_ends_with_it_and_no_other(team: Served, leaves: str) -> None:
    with team.visitor() as ann, team.visitor() as again, ThreadPoolExecutor() as threads:
        ann.log_in("ann", "secret")
        again.log_in("ann", "secret")
        chat = ann.begin()
        ann.send(chat, "on and on")
        addresses = (f"chat/{chat}/events", f"chat/{chat}/events")
        begun = [Event() for _ in addresses]
        streams = [threads.submit(follow, ann, *each) for each in zip(addresses, begun, strict=True)]
        assert all(each.wait(60) for each in begun)
        other = again.frames(chat)
        next(other)

        left = ann.http.post(leaves, data={"name": "bob", "password": "geheim"})
        assert left.status_code == 303
        for stream in streams:
            assert stream.result(timeout=60) > 0
        assert ann.http.get(f"chat/{chat}/events").status_code in (400, 401)
        # Another login of the same person goes on, and so does the answer.
        assert next(other)["live"]
        assert team.people["ann"].find(chat).running is not None
        again.http.post(f"chat/{chat}/stop")


def test_a_request_that_waits_is_told_to_log_in(team: Served) -> None:
    with team.visitor() as ann, ThreadPoolExecutor() as threads:
        ann.log_in("ann", "secret")
        sending, more = Event(), Event()

        def pieces() -> Generator[bytes, None, None]:
            yield b'{"role": '
            sending.set()
            more.wait(60)
            yield b'""}'

        cookies = {**ann.http.cookies}
        waits = threads.submit(
            httpx.post, f"{team.page.url}chat/new", content=pieces(), cookies=cookies, timeout=60
        )
        assert sending.wait(60)
        assert ann.http.post("logout").status_code == 303
        more.set()
        assert waits.result(timeout=60).status_code == 401


def test_the_other_tab_says_to_log_in_and_keeps_what_was_typed(team: Served, browser: Browser) -> None:
    with window(browser, team.page.url) as here:
        page = here.page
        page.goto(team.page.url)
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("secret")
        page.keyboard.press("Enter")
        here.ready().ask("on and on")
        page.wait_for_selector(".message.writing .open > *")
        chat = here.chat
        tab = here.beside(chat)
        tab.fill("#composer textarea", "half a thought")

        page.keyboard.press("Control+b")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        expect(tab.get_by_role("alert").get_by_text("You are logged out")).to_be_visible()
        written = tab.inner_text(".message.writing .written")
        tab.press("#composer textarea", "Escape")
        assert tab.input_value("#composer textarea") == "half a thought"
        assert tab.inner_text(".message.writing .written") == written

        tab.get_by_role("link", name="Log in").click()
        tab.get_by_label("Name").fill("ann")
        tab.get_by_label("Password").fill("secret")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".message.writing .open > *")
        assert f"chat={chat}" in tab.url
        expect(tab.locator("#composer textarea")).to_have_value("half a thought")
        tab.click("#composer button.stops")
