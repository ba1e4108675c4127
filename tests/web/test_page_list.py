"""The list of conversations in a real browser, with the real model: what is found, and what is marked."""

import re
from dataclasses import replace

import pytest
from pages import Served
from playwright.sync_api import Browser, Page, expect
from talks import SHORT
from windows import Window, window

from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message
from qwen_chat.sampling import SamplingParams
from qwen_chat.storage.store import Store

TURNS = 150


@pytest.fixture
def page(page_of_demo: Served) -> Served:
    """A page whose answers take their time."""
    return page_of_demo


def talked(store: Store, *questions: str, title: str) -> History:
    """Keep a conversation in which these were asked."""
    history = History(title=title)
    for question in questions:
        history.add(Message("user", question))
        history.add(
            Message("assistant", f"An answer to {question[:40]}"), AnswerDetails("smol", finish_reason="stop")
        )
    store.add_all([history])
    return history


def find(tab: Page, word: str) -> None:
    """Search a word, and open what is found first."""
    tab.keyboard.press("Control+k")
    tab.keyboard.type(word)
    expect(tab.locator("#chats mark").first).to_have_text(word)
    tab.keyboard.press("Enter")


# Found


WATCH_MARKS = """() => new MutationObserver(records => {
    for (const { target } of records)
        if (target.matches(".message.found"))
            window.markOfFound = getComputedStyle(target.querySelector(".typed")).boxShadow;
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] })"""
"""Notes the mark of a message that was found, which is gone after seconds: a busy test may look too late."""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_hit_far_back_is_scrolled_to_marked_and_focused(
    browser: Browser, page: Served, store: Store, motion: str
) -> None:
    questions = [f"question {number}\n\nof many" for number in range(TURNS)]
    questions[7] = "Where does the hoopoe live?"
    chat = talked(store, *questions, title="Many birds").id
    with window(browser, page.page.url, reduced_motion=motion) as here:
        here.open().page.evaluate(WATCH_MARKS)
        find(here.page, "hoopoe")
        hit = here.page.locator(".message.user", has_text="hoopoe")
        expect(hit).to_be_in_viewport()
        expect(hit).to_be_focused()
        here.page.wait_for_function("() => window.markOfFound?.includes('inset')")
        expect(hit).not_to_have_class(re.compile("found"))
        shadow = hit.locator(".typed").evaluate("each => getComputedStyle(each).boxShadow")
        assert shadow == "none"
        # It stays where it is: nothing that was fetched or drawn since pushed it away.
        expect(hit).to_be_in_viewport(ratio=1)
        here.page.keyboard.press("Tab")
        assert hit.evaluate("each => each.contains(document.activeElement)")
    store.delete(chat)


def test_a_hit_in_the_conversation_in_view_is_scrolled_to(here: Window, store: Store) -> None:
    chat = talked(store, "Of the dipper.", *map(str, range(TURNS)), title="A stream").id
    here.turn_to(chat)
    find(here.page, "dipper")
    expect(here.page.locator(".message.user", has_text="dipper")).to_be_in_viewport(ratio=1)
    store.delete(chat)


def test_a_hit_in_another_branch_brings_that_branch(here: Window, store: Store) -> None:
    history = talked(store, "Of the wryneck.", title="Two branches")
    history.edit(history.message_at(1).id, "Of the wren.")
    store.keep_all(history)
    find(here.page, "wryneck")
    hit = here.page.locator(".message.user", has_text="wryneck")
    expect(hit).to_be_focused()
    expect(hit.locator(".versions")).to_contain_text("1/2")
    expect(here.page.locator(".message.assistant")).to_contain_text("An answer to Of the wryneck.")
    store.delete(history.id)


def test_a_hit_in_a_folded_message_unfolds_it(here: Window, store: Store) -> None:
    chat = talked(store, "\n".join([*map(str, range(200)), "the nightjar"]), title="A long one").id
    here.turn_to(chat)
    text = here.page.locator(".message.user .typed")
    expect(text).to_have_class("typed folded")
    find(here.page, "nightjar")
    expect(text).to_have_class("typed")
    expect(here.page.get_by_role("button", name="Show less")).to_be_attached()
    store.delete(chat)


# Answering


def test_a_conversation_that_is_answering_is_marked_in_every_tab_until_it_ends(
    here: Window, page: Served, store: Store
) -> None:
    elsewhere = talked(store, "Goshawk", title="Goshawk").id
    tab = here.beside(elsewhere)
    page.people[""].settings = replace(SHORT, sampling=SamplingParams(max_new_tokens=3000, temperature=0.0))
    before = here.chat
    here.page.keyboard.press("Control+Shift+O")
    here.page.wait_for_function("before => !location.search.includes(before)", arg=before)
    page.people[""].settings = SHORT
    for each in (here.page, tab):
        each.keyboard.press("Control+b")
        expect(each.locator("#chats .chat").first).to_be_visible()
        assert each.get_by_role("img", name="is answering").count() == 0

    here.ask("Write a very long story about a lighthouse keeper, with many chapters.")
    for each in (here.page, tab):
        row = each.locator(f"#chats a[data-chat='{here.chat}']")
        expect(row.get_by_role("img", name="is answering")).to_be_visible()
        expect(each.get_by_role("link", name="lighthouse").and_(row)).to_have_accessible_name(
            re.compile("Write a very long story.* is answering")
        )
        assert each.get_by_role("img", name="is answering").count() == 1
    tab.reload()
    expect(tab.get_by_role("img", name="is answering")).to_be_visible()
    # Who looks for something else meanwhile, and comes back, sees it still.
    here.page.keyboard.press("Control+k")
    here.page.keyboard.type("Goshawk")
    expect(here.page.locator("#chats .excerpt")).to_be_visible()
    expect(here.page.get_by_role("img", name="is answering")).to_have_count(0)
    here.page.keyboard.press("Escape")
    expect(here.page.get_by_role("img", name="is answering")).to_be_visible()

    here.page.click("#composer button.stops")
    for each in (here.page, tab):
        expect(each.get_by_role("img", name="is answering")).to_have_count(0)
    store.delete(elsewhere)
