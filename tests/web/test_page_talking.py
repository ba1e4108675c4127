"""Talking on the page in a real browser, with the real model: answers, and what stops them."""

import re

import pytest
from engine import idle_within
from pages import Served
from playwright.sync_api import expect
from talks import ended, raw
from windows import Window

from qwen_chat.model.llamacpp.engine import LlamaCppModel

STORY = "Write a very long story about a lighthouse keeper, with many chapters."
LONG = "\n".join(f"Line {number} says nothing that was not said before." for number in range(400))
ONE_STEP = 2.0
"""Seconds in which the engine is through with a token, or with the part of a prompt that it reads at once."""
STOP = "#composer button.stops"
SEND = "#composer button.send:not(.stops)"
TIMED = """() => {
    const button = document.querySelector("#composer button.stops");
    button.addEventListener("click", () => {
        const pressed = performance.now();
        const changed = () => { window.took = performance.now() - pressed; };
        new MutationObserver(changed).observe(button, {attributes: true, attributeFilter: ["class"]});
    }, {once: true, capture: true});
}"""
"""Measures in the page itself how many milliseconds pass from the press of Stop until it is Send again."""


@pytest.fixture
def page(page_of_demo: Served) -> Served:
    """A page whose answers take their time."""
    return page_of_demo


def test_an_answer_streams_and_ends_with_what_it_cost(here: Window, page: Served) -> None:
    here.ask("Name three colours.")
    expect(here.page.locator(STOP)).to_be_visible()
    text = here.answered()
    expect(here.page.locator(SEND)).to_be_visible()
    expect(here.page.locator(".message.assistant .facts")).to_contain_text(
        re.compile(r"\d+ tokens? · [\d.,]+ tokens/s · [\d.]+ s")
    )
    expect(here.page.locator(".gauge")).to_have_attribute(
        "aria-label", re.compile(r"[1-9]\d* of 8,192 tokens")
    )
    assert text.split() == raw(page.store, here.chat).split()


@pytest.mark.timing
def test_stop_ends_an_answer_at_once(at_length: Window, page: Served) -> None:
    tab = at_length.page
    at_length.ask(STORY)
    tab.wait_for_selector(".message.writing .written > :not(.open), .message.writing .open > *")
    tab.evaluate(TIMED)
    tab.click(STOP)
    expect(tab.locator(SEND)).to_be_visible()
    assert tab.evaluate("() => window.took") < 300
    expect(tab.locator("#composer textarea")).to_be_focused()
    ended(page, at_length.chat)
    at_length.answered()
    expect(tab.locator(".message.assistant .facts")).to_contain_text("stopped")


def test_an_answer_that_was_cut_off_is_gone_on_with(here: Window) -> None:
    tab = here.page
    here.says(STORY)
    text = here.answered()
    expect(tab.locator(".message.assistant .facts")).to_contain_text("cut off at the length limit")
    tab.get_by_role("button", name="Continue").click()
    tab.wait_for_function(
        "before => document.querySelector('.message.assistant .written').innerText.length > before",
        arg=len(text),
    )
    assert here.answered().startswith(text)
    assert tab.locator(".message").count() == 2


@pytest.mark.timing
def test_stop_ends_the_reading_of_a_long_question(
    at_length: Window, page: Served, model: LlamaCppModel
) -> None:
    tab = at_length.page
    at_length.ask(LONG)
    expect(tab.locator(".status")).to_contain_text(re.compile(r"Reading [\d,]+ of [\d,]{5,} tokens"))
    tab.evaluate(TIMED)
    tab.click(STOP)
    expect(tab.locator(SEND)).to_be_visible()
    assert tab.evaluate("() => window.took") < 300
    assert idle_within(model, ONE_STEP)
    ended(page, at_length.chat)
    expect(tab.locator(".message.assistant .facts")).to_contain_text("stopped")
    assert at_length.answered() == "No text."


def test_a_reload_in_mid_answer_loses_nothing(at_length: Window, page: Served) -> None:
    tab = at_length.page
    at_length.ask(STORY)
    tab.wait_for_function("() => document.querySelector('.message.writing .written')?.innerText.length > 60")
    before = tab.inner_text(".message.writing .written")
    tab.reload()
    at_length.ready()
    tab.wait_for_function(
        "before => document.querySelector('.message.writing .written')?.innerText.length > before",
        arg=len(before),
    )
    tab.click(STOP)
    text = at_length.answered()
    assert text.startswith(before.strip())
    assert text.split() == raw(page.store, at_length.chat).split()


def test_a_second_tab_sees_the_same_answer_and_stops_it(at_length: Window) -> None:
    at_length.ask(STORY)
    at_length.page.wait_for_selector(".message.writing .open > *")
    tab = at_length.beside(at_length.chat)
    tab.wait_for_function("() => document.querySelector('.message.writing .written')?.innerText.length > 60")
    tab.click(STOP)
    text = at_length.answered()
    expect(tab.locator(".message.assistant .facts")).to_contain_text("stopped")
    assert tab.inner_text(".message.assistant .written") == text


def test_a_reader_who_scrolled_up_is_left_there(at_length: Window) -> None:
    tab = at_length.page
    top = "document.querySelector('.scroll').scrollTop"
    tab.set_viewport_size({"width": 420, "height": 420})
    at_length.ask(STORY)
    tab.wait_for_function(f"() => {top} > 120")
    tab.locator(".scroll").hover()
    tab.mouse.wheel(0, -100)
    tab.wait_for_selector(".to-end:not([hidden])")
    before, length = tab.evaluate(top), len(tab.inner_text(".message.writing .written"))
    tab.wait_for_function(
        "length => document.querySelector('.message.writing .written').innerText.length > length + 80",
        arg=length,
    )
    assert tab.evaluate(top) == before
    tab.click(".to-end")
    tab.wait_for_function(
        "() => { const box = document.querySelector('.scroll');"
        " return box.scrollHeight - box.scrollTop - box.clientHeight < 2; }"
    )
    tab.click(STOP)
    at_length.answered()


def test_a_role_is_taken_from_the_gallery_and_its_example_asked(here: Window) -> None:
    tab = here.page
    tab.locator(".card", has_text="pirate").click()
    expect(tab.locator(".message.assistant .written")).to_contain_text("Ahoy")
    expect(tab.locator(".badge")).to_contain_text("pirate")
    example = tab.locator(".example").first
    text = example.inner_text()
    example.click()
    assert tab.input_value("#composer textarea") == text
    tab.keyboard.press("Enter")
    here.answered(2)
    expect(tab.locator(".welcome")).to_be_hidden()


def test_a_new_system_prompt_says_from_which_answer_on_it_counts(here: Window, page: Served) -> None:
    tab = here.page
    here.says("Say hi.")
    tab.click(".system > summary")
    expect(tab.locator(".system .hint")).to_contain_text("the answer so far keeps the old prompt")
    tab.fill(".system textarea", "You are terse.")
    tab.click(".system button[type=submit]")
    expect(tab.locator(".toast.info")).to_contain_text("takes effect with answer 2")
    here.says("Say hi.")
    history = page.store.load(here.chat)
    before, after = (node.answer.system for node in history.path() if node.answer)
    assert before != after
    assert history[after or ""].message.content == "You are terse."
