"""What is typed on the page in a real browser: drafts, refusals, files, keys."""

import re

import pytest
from pages import Served
from playwright.sync_api import expect
from talks import said
from windows import Window

from qwen_chat.files.fenced import full_text

STORY = "Write a very long story about a lighthouse keeper, with many chapters."


@pytest.fixture
def page(page_of_demo: Served) -> Served:
    """A page whose answers take their time."""
    return page_of_demo


def test_what_is_typed_comes_back_byte_by_byte(here: Window) -> None:
    text = "def f(x):\n\treturn  x < 2 & 'ü' # <b>&amp;</b> **not bold** 中文 👩‍👩‍👧"
    here.says(text)
    assert here.page.locator(".message.user .typed").text_content() == text
    here.page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
    here.tool(".message.user", "Copy")
    here.page.wait_for_function("() => 'copied' in window")
    assert here.page.evaluate("window.copied") == text


def test_a_draft_survives_a_reload_and_another_conversation(here: Window, page: Served) -> None:
    tab = here.page
    chat = said(page.store, "Elsewhere", "Yes.")
    tab.fill("#composer textarea", "half a thou")
    tab.reload()
    here.ready()
    expect(tab.locator("#composer textarea")).to_have_value("half a thou")
    mine = here.chat
    tab.keyboard.press("Control+b")
    tab.click(f"a[data-chat='{chat}']")
    tab.wait_for_selector(".message.user")
    expect(tab.locator("#composer textarea")).to_have_value("")
    tab.go_back()
    expect(tab.locator("#composer textarea")).to_have_value("half a thou")
    assert here.chat == mine


def test_a_message_that_is_refused_stays_where_it_was_typed(here: Window) -> None:
    tab = here.page
    text = "x" * 400_001
    tab.fill("#composer textarea", text)
    tab.press("#composer textarea", "Enter")
    expect(tab.locator(".toast.warning")).to_contain_text("at most 400,000 characters")
    assert tab.input_value("#composer textarea") == text


def test_files_go_with_a_message_and_others_are_refused_with_the_reason(here: Window, page: Served) -> None:
    tab = here.page
    files = "#composer input[type=file]"
    tab.set_input_files(
        files, {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"The key is teal.\n"}
    )
    expect(tab.locator(".chip")).to_contain_text(re.compile(r"notes\.md: 1 line, \d+ tokens"))
    tab.set_input_files(
        files, {"name": "cat.txt", "mimeType": "text/plain", "buffer": b"\x89PNG\r\n\x1a\n\0\0"}
    )
    expect(tab.locator(".toast.warning")).to_contain_text("cat.txt")
    expect(tab.locator(".chip")).to_have_count(1)
    here.says("What is the key?")
    expect(tab.locator(".chip")).to_have_count(0)
    assert "The key is teal." in full_text(page.store.load(here.chat).path()[0].message)


def test_keys_alone_are_enough(at_length: Window) -> None:
    tab = at_length.page
    tab.keyboard.type("one")
    tab.keyboard.press("Shift+Enter")
    tab.keyboard.type("two")
    assert tab.input_value("#composer textarea") == "one\ntwo"
    tab.fill("#composer textarea", "")
    tab.keyboard.type(STORY)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".message.writing .open > *")
    tab.keyboard.press("Escape")
    expect(tab.locator(".message.assistant .facts")).to_contain_text("stopped")
    tab.keyboard.press("ArrowUp")
    expect(tab.locator(".editor textarea")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator("#composer textarea")).to_be_focused()
    tab.keyboard.press("Control+k")
    expect(tab.locator("#chats input[type=search]")).to_be_focused()
    tab.keyboard.press("Control+b")
    expect(tab.locator("#left")).not_to_be_visible()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    chat = at_length.chat
    tab.keyboard.press("Control+Shift+O")
    tab.wait_for_function("chat => !location.search.includes(chat)", arg=chat)
    expect(tab.locator("#composer textarea")).to_be_focused()


def test_every_control_is_reached_by_tab_and_shows_it(here: Window, page: Served) -> None:
    here.turn_to(said(page.store, "Tab?", "Yes."))
    tab = here.page
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        label = tab.evaluate(
            """() => {
                const { activeElement: at } = document;
                if (at === document.body) return "";
                const style = getComputedStyle(at);
                const seen = style.outlineStyle !== "none" || at.matches("textarea");
                return `${seen ? "" : "unseen: "}${at.ariaLabel ?? at.textContent.trim()}`;
            }"""
        )
        assert not label.startswith("unseen: "), label
        reached.add(label)
    assert {
        "Conversations (Ctrl-B)",
        "Export",
        "Settings",
        "Copy",
        "Edit",
        "Answer again",
        "Delete",
    } <= reached
    assert {"Message", "Attach a file"} <= reached
