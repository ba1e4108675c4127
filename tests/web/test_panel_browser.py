"""The settings in a real browser: what is set there counts, is seen there, and breaks no wall."""

from collections.abc import Iterator

import pdfs
import pytest
from pages import Served, served, until
from places import DATA
from playwright.sync_api import Browser, FilePayload, expect
from settings_window import section, with_settings
from windows import LONGEST, Window, window

from qwen_chat.files.fenced import full_text
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.roles import load_role
from qwen_chat.session.session import ChatSession

expect.set_options(timeout=LONGEST)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, model: LlamaCppModel) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("panel"), model) as found:
        yield found


@pytest.fixture
def seen(browser: Browser, page: Served) -> Iterator[Window]:
    with window(browser, page.page.url, viewport={"width": 1280, "height": 1000}) as opened:
        yield with_settings(opened.open())


def session_of(page: Served, seen: Window) -> ChatSession:
    return page.people[""].find(seen.chat)


def test_what_is_set_counts_for_the_next_answer_and_is_taken_back(page: Served, seen: Window) -> None:
    session, there = session_of(page, seen), seen.panel
    section(seen, "sampling")
    expect(there.locator("#sampling-temperature input[type=number]")).to_have_value("0.2")
    there.press("#sampling-temperature input[type=range]:enabled", "ArrowRight")
    until(lambda: session.params.temperature == 0.25)
    there.fill("#sampling-max_new_tokens input", "4")
    seen.page.keyboard.press("Tab")
    until(lambda: session.params.max_new_tokens == 4)
    seen.says("Tell me about the Moon.")
    answer = session.history.path()[-1].answer
    assert answer is not None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    expect(there.locator("#default-temperature")).to_have_text("Default: 0.2")
    there.click("#default-temperature")
    expect(there.locator("#sampling-temperature input[type=number]")).to_have_value("0.2")
    assert session.params.temperature is None
    there.click("#reset-sampling")
    expect(there.locator("#sampling-max_new_tokens input")).to_have_value("1024")
    assert session.params.chosen() == {}


def test_what_does_not_fit_is_told_and_put_back(page: Served, seen: Window) -> None:
    there = seen.panel
    section(seen, "sampling")
    for field, typed, before in (
        ("#sampling-top_k input", "-3", "40"),
        ("#sampling-temperature input[type=number]", "9", "0.2"),
    ):
        there.fill(field, typed)
        seen.page.keyboard.press("Tab")
        expect(there.locator("#sampling-line")).to_contain_text(f"={typed}: must be from 0")
        expect(there.locator(field)).to_have_value(before)
    assert session_of(page, seen).params.chosen() == {}


def test_what_a_terminal_sets_is_seen_at_once(page: Served, seen: Window) -> None:
    from qwen_chat import commands

    session = session_of(page, seen)
    commands.run(session, "conf", "top_p=0.5 seed=7")
    section(seen, "sampling")
    expect(seen.panel.locator("#sampling-top_p input[type=number]")).to_have_value("0.5")
    expect(seen.panel.locator("#sampling-seed input")).to_have_value("7")
    commands.run(session, "conf", "top_p=0.6")
    expect(seen.panel.locator("#sampling-top_p input[type=number]")).to_have_value("0.6")
    section(seen, "system")
    commands.run(session, "system", "Be a parrot.")
    expect(seen.panel.locator("#system textarea")).to_have_value("Be a parrot.")


def test_another_chat_in_view_brings_its_own_settings(page: Served, seen: Window) -> None:
    there, first = seen.panel, session_of(page, seen)
    section(seen, "system")
    there.fill("#system textarea", "Say only yes.")
    there.click("#apply-system")
    expect(there.locator("#system-line")).to_have_text("It takes effect with answer 1.")
    assert first.system_prompt == "Say only yes."
    seen.page.keyboard.press("Control+Shift+O")
    until(lambda: seen.chat != first.history.id)
    expect(there.locator("#system textarea")).not_to_have_value("Say only yes.")


def test_an_own_role_is_made_and_stands_in_the_gallery(page: Served, seen: Window) -> None:
    there, attack = seen.panel, '<img src=x onerror="document.title=1"> *Tide*'
    section(seen, "roles")
    for field, text in (
        ("name", "tide"),
        ("title", attack),
        ("system", "You know tides."),
        ("greeting", "Ahoy!"),
    ):
        there.fill(f"#role-{field} :is(textarea, input)", text)
    there.click("#save-role")
    expect(there.locator("#roles-line")).to_contain_text(attack)
    assert load_role("tide").greeting == "Ahoy!"
    assert there.title() != "1"
    page_itself = seen.page
    page_itself.reload()
    seen.ready()
    expect(page_itself.locator(".gallery").get_by_text(attack, exact=True)).to_be_visible()
    page_itself.locator(".gallery").get_by_text(attack, exact=True).click()
    expect(page_itself.locator(".message.assistant")).to_contain_text("Ahoy!")
    assert session_of(page, seen).system_prompt == "You know tides."


def test_a_card_is_imported(page: Served, seen: Window) -> None:
    there = seen.panel
    section(seen, "roles")
    card = DATA / "cards" / "courier.v2.json"
    there.set_input_files("#settings-roles input[type=file]", card)
    expect(there.locator("#roles-line")).to_contain_text("imported")
    name = there.locator("#role-name :is(textarea, input)").input_value()
    assert load_role(name).title == there.locator("#role-title :is(textarea, input)").input_value()
    there.set_input_files(
        "#settings-roles input[type=file]", {"name": "x.json", "mimeType": "", "buffer": b"{"}
    )
    expect(there.locator("#roles-line")).to_contain_text("x.json: it is not JSON")


def test_the_text_of_a_pdf_reaches_the_model(page: Served, seen: Window) -> None:
    there, session = seen.page, session_of(page, seen)
    text = pdfs.of_pages("The tide is high.", "Two.")
    pdf: FilePayload = {"name": "tide.pdf", "mimeType": "application/pdf", "buffer": text}
    there.set_input_files("#composer input[type=file]", pdf)
    expect(there.locator("#composer .chip")).to_contain_text("tide.pdf: 3 lines")
    section(seen, "sampling")
    seen.panel.fill("#sampling-max_new_tokens input", "3")
    seen.page.keyboard.press("Tab")
    until(lambda: session.params.max_new_tokens == 3)
    seen.says("What is high?")
    asked = full_text(session.history.path()[-2].message)
    assert asked == "tide.pdf:\n```pdf\nThe tide is high.\n\nTwo.\n```\n\nWhat is high?"
