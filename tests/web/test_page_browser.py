"""The page in a real browser, with the real model: what a person sees there, and does."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine import idle_within
from playwright.sync_api import Browser, expect
from windows import Window, window

from qwen_chat.files.fenced import full_text
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message, Usage
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.web.serving import Page

STORY = "Write a very long story about a lighthouse keeper, with many chapters."
LONG = "\n".join(f"Line {number} says nothing that was not said before." for number in range(400))
SHORT = Settings(sampling=SamplingParams(max_new_tokens=24, temperature=0.0))
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    kept = Store(tmp_path_factory.mktemp("chats") / "chats.db")
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def person(model: LlamaCppModel, store: Store) -> Iterator[Person]:
    someone = Person("", model, SHORT, store)
    yield someone
    someone.close()


@pytest.fixture(scope="module")
def url(person: Person) -> Iterator[str]:
    served = Page(People(lambda name: person))
    served.start()
    yield served.url
    served.stop()


@pytest.fixture
def here(browser: Browser, url: str, person: Person) -> Iterator[Window]:
    """A window with a fresh conversation; short answers, unless a test wants long ones."""
    person.settings = SHORT
    with window(browser, url) as opened:
        yield opened.open()


@pytest.fixture
def at_length(here: Window, person: Person) -> Window:
    """A window with a fresh conversation in which answers take a while."""
    person.settings = replace(SHORT, sampling=SamplingParams(max_new_tokens=1500, temperature=0.0))
    before = here.chat
    here.page.keyboard.press("Control+Shift+O")
    here.page.wait_for_function("before => !location.search.includes(before)", arg=before)
    return here


def said(store: Store, question: str, answer: str, title: str = "") -> str:
    """Keep a conversation, and return its id."""
    history = History(title=title or question)
    history.add(Message("user", question))
    usage = Usage(10, 20, prefill_seconds=0.5, decode_seconds=1.5)
    history.add(Message("assistant", answer), AnswerDetails("smol", finish_reason="stop", usage=usage))
    store.add_all([history])
    return history.id


def ended(person: Person, chat: str) -> None:
    """Wait until nothing is written in a conversation: the engine ends the step that it is in."""
    turn = person.find(chat).running
    if turn is not None:
        turn.wait()


def raw(store: Store, chat: str) -> str:
    """Return the last message of a conversation as it is kept."""
    return store.load(chat).path()[-1].message.content


# Talking


def test_an_answer_streams_and_ends_with_what_it_cost(here: Window, store: Store) -> None:
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
    assert text.split() == raw(store, here.chat).split()


def test_what_is_typed_comes_back_byte_by_byte(here: Window) -> None:
    text = "def f(x):\n\treturn  x < 2 & 'ü' # <b>&amp;</b> **not bold** 中文 👩‍👩‍👧"
    here.says(text)
    assert here.page.locator(".message.user .typed").text_content() == text
    here.page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text; }; }")
    here.tool(".message.user", "Copy")
    here.page.wait_for_function("() => 'copied' in window")
    assert here.page.evaluate("window.copied") == text


@pytest.mark.timing
def test_stop_ends_an_answer_at_once(at_length: Window, person: Person) -> None:
    page = at_length.page
    at_length.ask(STORY)
    page.wait_for_selector(".message.writing .written > :not(.open), .message.writing .open > *")
    page.evaluate(TIMED)
    page.click(STOP)
    expect(page.locator(SEND)).to_be_visible()
    assert page.evaluate("() => window.took") < 300
    expect(page.locator("#composer textarea")).to_be_focused()
    ended(person, at_length.chat)
    at_length.answered()
    expect(page.locator(".message.assistant .facts")).to_contain_text("stopped")


def test_an_answer_that_was_cut_off_is_gone_on_with(here: Window) -> None:
    page = here.page
    here.says(STORY)
    text = here.answered()
    expect(page.locator(".message.assistant .facts")).to_contain_text("cut off at the length limit")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_function(
        "before => document.querySelector('.message.assistant .written').innerText.length > before",
        arg=len(text),
    )
    assert here.answered().startswith(text)
    assert page.locator(".message").count() == 2


@pytest.mark.timing
def test_stop_ends_the_reading_of_a_long_question(at_length: Window, person: Person) -> None:
    page = at_length.page
    at_length.ask(LONG)
    expect(page.locator(".status")).to_contain_text(re.compile(r"Reading [\d,]+ of [\d,]{5,} tokens"))
    page.evaluate(TIMED)
    page.click(STOP)
    expect(page.locator(SEND)).to_be_visible()
    assert page.evaluate("() => window.took") < 300
    assert idle_within(ONE_STEP)
    ended(person, at_length.chat)
    expect(page.locator(".message.assistant .facts")).to_contain_text("stopped")
    assert at_length.answered() == "No text."


# Rejoining


def test_a_reload_in_mid_answer_loses_nothing(at_length: Window, store: Store) -> None:
    page = at_length.page
    at_length.ask(STORY)
    page.wait_for_function("() => document.querySelector('.message.writing .written')?.innerText.length > 60")
    before = page.inner_text(".message.writing .written")
    page.reload()
    at_length.ready()
    page.wait_for_function(
        "before => document.querySelector('.message.writing .written')?.innerText.length > before",
        arg=len(before),
    )
    page.click(STOP)
    text = at_length.answered()
    assert text.startswith(before.strip())
    assert text.split() == raw(store, at_length.chat).split()


def test_a_second_tab_sees_the_same_answer_and_stops_it(at_length: Window) -> None:
    at_length.ask(STORY)
    at_length.page.wait_for_selector(".message.writing .open > *")
    tab = at_length.beside(at_length.chat)
    tab.wait_for_function("() => document.querySelector('.message.writing .written')?.innerText.length > 60")
    tab.click(STOP)
    text = at_length.answered()
    expect(tab.locator(".message.assistant .facts")).to_contain_text("stopped")
    assert tab.inner_text(".message.assistant .written") == text


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


# The tree


def test_an_edited_question_is_answered_anew_and_arrows_lead_back(here: Window) -> None:
    page = here.page
    here.says("Say hi.")
    first = here.answered()
    here.tool(".message.user", "Edit")
    assert page.input_value(".editor textarea") == "Say hi."
    page.fill(".editor textarea", "Name a river.")
    page.press(".editor textarea", "Control+Enter")
    expect(page.locator(".message.user .versions")).to_contain_text("2/2")
    here.answered()
    assert page.inner_text(".message.user .typed") == "Name a river."

    here.tool(".message.user", "Previous version")
    expect(page.locator(".message.user .versions")).to_contain_text("1/2")
    assert page.inner_text(".message.user .typed") == "Say hi."
    assert here.answered() == first


def test_leaving_an_edit_changes_nothing(here: Window) -> None:
    here.says("Say hi.")
    here.tool(".message.user", "Edit")
    here.page.fill(".editor textarea", "something else")
    here.page.press(".editor textarea", "Escape")
    expect(here.page.locator(".editor")).to_have_count(0)
    assert here.page.inner_text(".message.user .typed") == "Say hi."
    assert here.page.locator(".versions").count() == 0


def test_an_answer_can_be_had_again_and_the_old_one_stays(here: Window, person: Person) -> None:
    page = here.page
    here.says("Say hi.")
    first = here.answered()
    here.tool(".message.assistant", "Answer again")
    expect(page.locator(".message.assistant .versions")).to_contain_text("2/2")
    here.answered()
    here.tool(".message.assistant", "Previous version")
    expect(page.locator(".message.assistant .versions")).to_contain_text("1/2")
    assert here.answered() == first
    here.tool(".message.assistant", "Next version")
    expect(page.locator(".message.assistant .versions")).to_contain_text("2/2")


def test_a_message_is_deleted_after_asking_once(here: Window) -> None:
    page = here.page
    here.says("Say hi.")
    here.tool(".message.assistant", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert page.locator(".message").count() == 2
    here.tool(".message.assistant", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".message")).to_have_count(1)


# Conversations


def test_a_search_finds_a_word_and_opens_the_conversation_there(here: Window, store: Store) -> None:
    chat = said(store, "Where does the quetzal <b>live</b>?", "In cloud forests.", title="Birds")
    page = here.page
    page.keyboard.press("Control+k")
    page.keyboard.type("quetzal")
    expect(page.locator("#chats mark")).to_have_text("quetzal")
    expect(page.locator("#chats .excerpt")).to_contain_text("<b>live</b>")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Birds")
    assert here.chat == chat
    expect(page.locator(".message.assistant .written")).to_have_text("In cloud forests.")


def test_conversations_are_renamed_and_pinned(here: Window, store: Store) -> None:
    chat = said(store, "An old one", "Yes.")
    here.open(chat)
    page = here.page
    page.keyboard.press("Control+b")
    row = page.locator("#chats li:has([aria-current])")
    row.hover()
    row.get_by_role("button").click()
    page.get_by_role("menuitem", name="Pin").click()
    expect(page.locator("#chats section").first).to_contain_text("Pinned")
    page.click("h1 button")
    page.fill("h1 input", "A new name")
    page.press("h1 input", "Enter")
    expect(page.locator("h1")).to_have_text("A new name")
    expect(page.locator("#chats section").first.locator(".name").first).to_have_text("A new name")
    assert store.load(chat).title == "A new name"
    store.delete(chat)


@pytest.mark.parametrize("kind", ["Markdown", "HTML", "JSON", "Qwen's JSON"])
def test_a_conversation_is_exported(here: Window, store: Store, tmp_path: Path, kind: str) -> None:
    here.open(said(store, "What is kept?", "All **that**."))
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


def test_an_incognito_conversation_is_not_listed(here: Window, store: Store) -> None:
    here.page.keyboard.press("Control+b")
    here.page.get_by_role("button", name="New incognito chat").click()
    expect(here.page.locator(".badge")).to_contain_text("Incognito")
    here.says("Say hi.")
    assert here.chat not in [each.id for each in store.recent(1000)]
    here.page.fill("#composer textarea", "a secret")
    here.page.wait_for_function("() => Object.values(sessionStorage).includes('a secret')")
    assert not here.page.evaluate("Object.values(localStorage).includes('a secret')")


# Roles and the system prompt


def test_a_role_is_taken_from_the_gallery_and_its_example_asked(here: Window) -> None:
    page = here.page
    page.locator(".card", has_text="pirate").click()
    expect(page.locator(".message.assistant .written")).to_contain_text("Ahoy")
    expect(page.locator(".badge")).to_contain_text("pirate")
    example = page.locator(".example").first
    text = example.inner_text()
    example.click()
    assert page.input_value("#composer textarea") == text
    page.keyboard.press("Enter")
    here.answered(2)
    expect(page.locator(".welcome")).to_be_hidden()


def test_a_new_system_prompt_says_from_which_answer_on_it_counts(here: Window, store: Store) -> None:
    page = here.page
    here.says("Say hi.")
    page.click(".system > summary")
    expect(page.locator(".system .hint")).to_contain_text("the answer so far keeps the old prompt")
    page.fill(".system textarea", "You are terse.")
    page.click(".system button[type=submit]")
    expect(page.locator(".toast.info")).to_contain_text("takes effect with answer 2")
    here.says("Say hi.")
    history = store.load(here.chat)
    before, after = (node.answer.system for node in history.path() if node.answer)
    assert before != after
    assert history[after or ""].message.content == "You are terse."


# What is typed


def test_a_draft_survives_a_reload_and_another_conversation(here: Window, store: Store) -> None:
    page = here.page
    chat = said(store, "Elsewhere", "Yes.")
    page.fill("#composer textarea", "half a thou")
    page.reload()
    here.ready()
    expect(page.locator("#composer textarea")).to_have_value("half a thou")
    mine = here.chat
    page.keyboard.press("Control+b")
    page.click(f"a[data-chat='{chat}']")
    page.wait_for_selector(".message.user")
    expect(page.locator("#composer textarea")).to_have_value("")
    page.go_back()
    expect(page.locator("#composer textarea")).to_have_value("half a thou")
    assert here.chat == mine


def test_a_message_that_is_refused_stays_where_it_was_typed(here: Window) -> None:
    page = here.page
    text = "x" * 400_001
    page.fill("#composer textarea", text)
    page.press("#composer textarea", "Enter")
    expect(page.locator(".toast.warning")).to_contain_text("at most 400,000 characters")
    assert page.input_value("#composer textarea") == text


def test_files_go_with_a_message_and_others_are_refused_with_the_reason(here: Window, store: Store) -> None:
    page = here.page
    files = "#composer input[type=file]"
    page.set_input_files(
        files, {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"The key is teal.\n"}
    )
    expect(page.locator(".chip")).to_contain_text(re.compile(r"notes\.md: 1 line, \d+ tokens"))
    page.set_input_files(
        files, {"name": "cat.txt", "mimeType": "text/plain", "buffer": b"\x89PNG\r\n\x1a\n\0\0"}
    )
    expect(page.locator(".toast.warning")).to_contain_text("cat.txt")
    expect(page.locator(".chip")).to_have_count(1)
    here.says("What is the key?")
    expect(page.locator(".chip")).to_have_count(0)
    assert "The key is teal." in full_text(store.load(here.chat).path()[0].message)


# Everyone


def test_keys_alone_are_enough(at_length: Window) -> None:
    page = at_length.page
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert page.input_value("#composer textarea") == "one\ntwo"
    page.fill("#composer textarea", "")
    page.keyboard.type(STORY)
    page.keyboard.press("Enter")
    page.wait_for_selector(".message.writing .open > *")
    page.keyboard.press("Escape")
    expect(page.locator(".message.assistant .facts")).to_contain_text("stopped")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".editor textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#composer textarea")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.locator("#chats input[type=search]")).to_be_focused()
    page.keyboard.press("Control+b")
    expect(page.locator("#left")).not_to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    chat = at_length.chat
    page.keyboard.press("Control+Shift+O")
    page.wait_for_function("chat => !location.search.includes(chat)", arg=chat)
    expect(page.locator("#composer textarea")).to_be_focused()


def test_every_control_is_reached_by_tab_and_shows_it(here: Window, store: Store) -> None:
    here.open(said(store, "Tab?", "Yes."))
    page = here.page
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        label = page.evaluate(
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


def test_at_the_width_of_a_phone_nothing_leads_sideways(browser: Browser, url: str, store: Store) -> None:
    table = f"| {' | '.join('abcdefghijkl' * 3)} |\n|{'---|' * 36}"
    wide = f"{table}\n\n```\n{'long ' * 60}\n```\n\n{'w' * 300}"
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with window(browser, url, **phone) as here:
        for chat in ("", said(store, "q" * 200, wide)):
            here.open(chat)
            assert sideways(here) == 0
        here.page.click(".of-list")
        expect(here.page.locator("#left a").first).to_be_in_viewport()
        here.page.locator(".scrim").first.click(position={"x": 350, "y": 400})
        expect(here.page.locator("#left")).not_to_be_visible()
        here.page.click(".of-settings")
        expect(here.page.locator("#right")).to_be_in_viewport()
        assert sideways(here) == 0


def test_on_a_phone_a_long_message_is_edited_with_its_buttons_in_sight(
    browser: Browser, url: str, store: Store
) -> None:
    chat = said(store, "line\n" * 200, "word " * 600)
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    with window(browser, url, **phone) as here:
        here.open(chat)
        here.page.locator(".message.user").get_by_role("button", name="Edit").click()
        for each in ("Cancel", "Send"):
            button = here.page.locator(".editor").get_by_role("button", name=each)
            expect(button).to_be_in_viewport(ratio=1)


def sideways(here: Window) -> int:
    return int(
        here.page.evaluate(
            """() => {
                const boxes = [document.documentElement, document.querySelector(".scroll")];
                return Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth));
            }"""
        )
    )


def test_the_page_speaks_chinese_and_keeps_the_language_that_was_chosen(browser: Browser, url: str) -> None:
    with window(browser, url, locale="zh-CN") as here:
        here.open()
        page = here.page
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert page.get_attribute("#composer textarea", "placeholder") == "请输入消息"
        expect(page.locator(".card").first).to_have_attribute("lang", "zh")
        page.click(".of-list")
        page.get_by_role("button", name="English").click()
        page.wait_for_function("() => document.documentElement.lang === 'en'")
        here.ready()
        page.reload()
        here.ready()
        assert page.get_attribute("#composer textarea", "placeholder") == "Ask anything"


def test_the_page_is_dark_when_that_is_chosen_whatever_the_system_is(here: Window) -> None:
    page = here.page
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(251, 250, 248)"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"() => {ground} === 'rgb(23, 23, 26)'")
    page.click(".of-list")
    page.click("#appearance")
    page.get_by_role("menuitem", name="Light").click()
    page.wait_for_function(f"() => {ground} === 'rgb(251, 250, 248)'")
    page.reload()
    here.ready()
    assert page.evaluate(ground) == "rgb(251, 250, 248)"


def test_a_reader_who_scrolled_up_is_left_there(at_length: Window) -> None:
    page = at_length.page
    top = "document.querySelector('.scroll').scrollTop"
    page.set_viewport_size({"width": 420, "height": 420})
    at_length.ask(STORY)
    page.wait_for_function(f"() => {top} > 120")
    page.locator(".scroll").hover()
    page.mouse.wheel(0, -100)
    page.wait_for_selector(".to-end:not([hidden])")
    before, length = page.evaluate(top), len(page.inner_text(".message.writing .written"))
    page.wait_for_function(
        "length => document.querySelector('.message.writing .written').innerText.length > length + 80",
        arg=length,
    )
    assert page.evaluate(top) == before
    page.click(".to-end")
    page.wait_for_function(
        "() => { const box = document.querySelector('.scroll');"
        " return box.scrollHeight - box.scrollTop - box.clientHeight < 2; }"
    )
    page.click(STOP)
    at_length.answered()


def test_code_is_copied_and_downloaded_as_it_is(here: Window, store: Store, tmp_path: Path) -> None:
    code = "def f(x):\n\treturn x < 1 and  '&amp;'\n"
    here.open(said(store, "Code?", f"Here:\n\n```python\n{code}```\n"))
    page = here.page
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    page.get_by_role("button", name="Copy code").click()
    page.wait_for_function("() => 'copied' in window")
    assert page.evaluate("window.copied") == code
    with page.expect_download() as started:
        page.get_by_role("button", name="Download code").click()
    assert started.value.suggested_filename == "code.py"
    started.value.save_as(tmp_path / "code.py")
    assert (tmp_path / "code.py").read_text() == code


def test_old_messages_are_fetched_as_a_long_conversation_is_scrolled_back(here: Window, store: Store) -> None:
    history = History(title="Long")
    for number in range(100):
        history.add(Message("user", f"question {number}"))
        history.add(Message("assistant", f"answer {number}"), AnswerDetails("smol", finish_reason="stop"))
    store.add_all([history])
    here.open(history.id)
    page = here.page
    expect(page.locator(".message")).to_have_count(60)
    for _ in range(3):
        page.evaluate("document.querySelector('.scroll').scrollTop = 0")
        page.wait_for_timeout(100)
        if page.locator(".earlier").is_visible():
            page.click(".earlier")
    expect(page.locator(".message")).to_have_count(200)
    expect(page.locator(".message.user .typed").first).to_have_text("question 0")
    expect(page.locator(".earlier")).to_be_hidden()
