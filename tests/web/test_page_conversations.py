"""Conversations on the page in a real browser: found, named, exported, imported, kept from the disk, gone."""

import json
from pathlib import Path

import pytest
from pages import Served
from playwright.sync_api import expect
from talks import said
from windows import Window


def test_a_search_finds_a_word_and_opens_the_conversation_there(here: Window, page: Served) -> None:
    chat = said(page.store, "Where does the quetzal <b>live</b>?", "In cloud forests.", title="Birds")
    tab = here.page
    tab.keyboard.press("Control+k")
    tab.keyboard.type("quetzal")
    expect(tab.locator("#chats mark")).to_have_text("quetzal")
    expect(tab.locator("#chats .excerpt")).to_contain_text("<b>live</b>")
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_have_text("Birds")
    assert here.chat == chat
    expect(tab.locator(".message.assistant .written")).to_have_text("In cloud forests.")


def test_conversations_are_renamed_and_pinned(here: Window, page: Served) -> None:
    chat = said(page.store, "An old one", "Yes.")
    here.turn_to(chat)
    tab = here.page
    tab.keyboard.press("Control+b")
    row = tab.locator("#chats li:has([aria-current])")
    row.hover()
    row.get_by_role("button").click()
    tab.get_by_role("menuitem", name="Pin").click()
    expect(tab.locator("#chats section").first).to_contain_text("Pinned")
    tab.click("h1 button")
    tab.fill("h1 input", "A new name")
    tab.press("h1 input", "Enter")
    expect(tab.locator("h1")).to_have_text("A new name")
    expect(tab.locator("#chats section").first.locator(".name").first).to_have_text("A new name")
    assert page.store.load(chat).title == "A new name"
    page.store.delete(chat)


@pytest.mark.parametrize("kind", ["Markdown", "HTML", "JSON", "Qwen's JSON"])
def test_a_conversation_is_exported(here: Window, page: Served, tmp_path: Path, kind: str) -> None:
    here.turn_to(said(page.store, "What is kept?", "All **that**."))
    here.page.click("#export")
    with here.page.expect_download() as started:
        here.page.get_by_role("menuitem", name=f"Export as {kind}", exact=True).click()
    started.value.save_as(tmp_path / "kept")
    assert "that" in (tmp_path / "kept").read_text(encoding="utf-8")


def test_a_file_of_conversations_is_imported(here: Window, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(
        json.dumps(
            [
                {
                    "messages": [
                        {"role": "user", "content": "Imported?"},
                        {"role": "assistant", "content": "Yes."},
                    ]
                }
            ]
        )
    )
    here.page.keyboard.press("Control+b")
    here.page.set_input_files("#chats input[type=file]", file)
    expect(here.page.locator(".toast.info")).to_contain_text("1 conversation added")
    expect(here.page.locator(".message.user .typed")).to_have_text("Imported?")


def test_an_incognito_conversation_is_not_listed(here: Window, page: Served) -> None:
    here.page.keyboard.press("Control+b")
    here.page.get_by_role("button", name="New incognito chat").click()
    expect(here.page.locator(".badge")).to_contain_text("Incognito")
    here.says("Say hi.")
    assert here.chat not in [each.id for each in page.store.recent(1000)]
    here.page.fill("#composer textarea", "a secret")
    here.page.wait_for_function("() => Object.values(sessionStorage).includes('a secret')")
    assert not here.page.evaluate("Object.values(localStorage).includes('a secret')")


def test_a_conversation_that_was_deleted_elsewhere_is_said_to_be_gone(here: Window) -> None:
    here.says("Say hi.")
    tab = here.beside(here.chat)
    tab.fill("#composer textarea", "still here")
    here.page.keyboard.press("Control+b")
    here.page.locator("#chats li:has([aria-current])").hover()
    here.page.get_by_role("button", name="More for").first.click()
    here.page.get_by_role("menuitem", name="Delete").click()
    here.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(here.page.locator(".welcome")).to_be_visible()

    expect(tab.locator(".gone")).to_be_visible()
    tab.press("#composer textarea", "Enter")
    expect(tab.locator(".toast.warning")).to_be_visible()
    assert tab.input_value("#composer textarea") == "still here"
    tab.locator(".gone").get_by_role("button", name="New chat").click()
    expect(tab.locator(".welcome")).to_be_visible()
    expect(tab.locator(".gone")).to_be_hidden()
