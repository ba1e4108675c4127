"""The messages of a conversation in a real browser: edited, answered again, deleted, copied."""

from pathlib import Path

from pages import Served
from playwright.sync_api import expect
from talks import said
from windows import Window

from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message


def test_an_edited_question_is_answered_anew_and_arrows_lead_back(here: Window) -> None:
    tab = here.page
    here.says("Say hi.")
    first = here.answered()
    here.tool(".message.user", "Edit")
    assert tab.input_value(".editor textarea") == "Say hi."
    tab.fill(".editor textarea", "Name a river.")
    tab.press(".editor textarea", "Control+Enter")
    expect(tab.locator(".message.user .versions")).to_contain_text("2/2")
    here.answered()
    assert tab.inner_text(".message.user .typed") == "Name a river."

    here.tool(".message.user", "Previous version")
    expect(tab.locator(".message.user .versions")).to_contain_text("1/2")
    assert tab.inner_text(".message.user .typed") == "Say hi."
    assert here.answered() == first


def test_leaving_an_edit_changes_nothing(here: Window) -> None:
    here.says("Say hi.")
    here.tool(".message.user", "Edit")
    here.page.fill(".editor textarea", "something else")
    here.page.press(".editor textarea", "Escape")
    expect(here.page.locator(".editor")).to_have_count(0)
    assert here.page.inner_text(".message.user .typed") == "Say hi."
    assert here.page.locator(".versions").count() == 0


def test_an_answer_can_be_had_again_and_the_old_one_stays(here: Window) -> None:
    tab = here.page
    here.says("Say hi.")
    first = here.answered()
    here.tool(".message.assistant", "Answer again")
    expect(tab.locator(".message.assistant .versions")).to_contain_text("2/2")
    here.answered()
    here.tool(".message.assistant", "Previous version")
    expect(tab.locator(".message.assistant .versions")).to_contain_text("1/2")
    assert here.answered() == first
    here.tool(".message.assistant", "Next version")
    expect(tab.locator(".message.assistant .versions")).to_contain_text("2/2")


def test_a_message_is_deleted_after_asking_once(here: Window) -> None:
    tab = here.page
    here.says("Say hi.")
    here.tool(".message.assistant", "Delete")
    tab.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert tab.locator(".message").count() == 2
    here.tool(".message.assistant", "Delete")
    tab.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.locator(".message")).to_have_count(1)


def test_code_is_copied_and_downloaded_as_it_is(here: Window, page: Served, tmp_path: Path) -> None:
    code = "def f(x):\n\treturn x < 1 and  '&amp;'\n"
    here.turn_to(said(page.store, "Code?", f"Here:\n\n```python\n{code}```\n"))
    tab = here.page
    tab.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    tab.get_by_role("button", name="Copy code").click()
    tab.wait_for_function("() => 'copied' in window")
    assert tab.evaluate("window.copied") == code
    with tab.expect_download() as started:
        tab.get_by_role("button", name="Download code").click()
    assert started.value.suggested_filename == "code.py"
    started.value.save_as(tmp_path / "code.py")
    assert (tmp_path / "code.py").read_text() == code


def test_old_messages_are_fetched_as_a_long_conversation_is_scrolled_back(here: Window, page: Served) -> None:
    history = History(title="Long")
    for number in range(100):
        history.add(Message("user", f"question {number}"))
        history.add(Message("assistant", f"answer {number}"), AnswerDetails("smol", finish_reason="stop"))
    page.store.add_all([history])
    here.turn_to(history.id)
    tab = here.page
    expect(tab.locator(".message")).to_have_count(60)
    for shown in (120, 180, 200):
        expect(tab.locator(".earlier")).not_to_be_in_viewport()
        tab.evaluate("document.querySelector('.scroll').scrollTop = 0")
        expect(tab.locator(".message")).to_have_count(shown)
    expect(tab.locator(".message.user .typed").first).to_have_text("question 0")
    expect(tab.locator(".earlier")).to_be_hidden()
