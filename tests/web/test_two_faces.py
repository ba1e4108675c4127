"""One chat in a terminal and in a browser: what is said in one appears in the other while it is written."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm
from driver import Terminal
from playwright.sync_api import Browser
from windows import Window, window

LONG = "Write a very long story about the sea, with many chapters."
BRIEF = "/conf max_new_tokens=6 temperature=0"
BEGUN = "() => document.querySelector('.message.assistant .written')?.innerText.length > 100"


@pytest.fixture
def terminal(home: Path, model_path: Path) -> Iterator[Terminal]:
    chat = Terminal(size=(40, 110), modules=warm.WEB)
    chat.ready()
    yield chat
    chat.kill()


@pytest.fixture
def here(terminal: Terminal, browser: Browser) -> Iterator[Window]:
    """The page that /web opens."""
    found = re.search(r"also at (http://\S+)\?chat=(\w+)", terminal.say("/web"))
    assert found
    with window(browser, found[1]) as opened:
        yield opened.open(found[2])


def test_both_show_the_same(terminal: Terminal, here: Window) -> None:
    terminal.say(BRIEF)
    terminal.say("Say hello in one word.")
    here.page.locator("#conversation").get_by_text("Say hello in one word.").wait_for()
    first = here.answered()

    here.ask("What is the capital of France?")
    shown = terminal.wait_for(">>> What is the capital of France?")
    assert first.split()[0] in shown
    second = here.answered(2)
    assert second.split()[0] in terminal.ready(4).split("capital of France?")[-1]


def test_what_stands_in_the_prompt_outlasts_an_answer_that_came_from_the_page(
    terminal: Terminal, here: Window
) -> None:
    terminal.say(BRIEF)
    terminal.press("half a thought")
    terminal.wait_for("half a thought")
    here.ask("Say hello in one word.")
    terminal.wait_for(">>> Say hello in one word.")
    terminal.wait_for(lambda text: text.splitlines()[-1] == ">>> half a thought")


def test_ctrl_c_in_the_terminal_stops_what_the_page_asked(terminal: Terminal, here: Window) -> None:
    here.ask(LONG)
    terminal.wait_for(f">>> {LONG}")
    here.page.wait_for_function(BEGUN)
    terminal.press("\x03")
    terminal.wait_for("interrupted")
    here.page.get_by_role("button", name="Continue").wait_for()


def test_stop_on_the_page_stops_what_the_terminal_asked(terminal: Terminal, here: Window) -> None:
    terminal.say(LONG, wait=False)
    here.page.wait_for_function(BEGUN)
    here.page.get_by_role("button", name="Stop").click()
    terminal.wait_for("interrupted")
    terminal.ready(3)


def test_a_new_chat_in_the_terminal_is_the_one_on_the_page(terminal: Terminal, here: Window) -> None:
    terminal.say(BRIEF)
    terminal.say("Say hello in one word.")
    here.page.locator("#conversation").get_by_text("Say hello in one word.").wait_for()
    terminal.say("/new")
    here.page.wait_for_selector(".welcome:not([hidden])")
    terminal.say("Say goodbye in one word.")
    here.page.locator("#conversation").get_by_text("Say goodbye in one word.").wait_for()
