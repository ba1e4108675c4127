"""What goes wrong is said on the page, in words, and nobody else notices."""

from pathlib import Path
from threading import Event

from pages import Parrot, served, until
from playwright.sync_api import Browser, expect
from scripted import ScriptedModel
from windows import window

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.loading import LoadingModel


def test_a_model_that_cannot_be_loaded_while_people_wait(browser: Browser, tmp_path: Path) -> None:
    fails = Event()

    def load() -> ChatModel:
        fails.wait(60)
        raise ModelLoadError("the checkpoint ends in the middle: fetch it again")

    with served(tmp_path, LoadingModel("broken", load)) as page, window(browser, page.page.url) as here:
        here.open().ask("Is anyone there?")
        expect(here.page.locator(".message.user")).to_contain_text("Is anyone there?")
        expect(here.page.locator("#conversation")).to_contain_text("Loading")
        fails.set()
        fault = here.page.get_by_role("alert").get_by_text("the checkpoint ends in the middle")
        expect(fault.first).to_be_visible()
        expect(here.page.locator(".message.user")).to_contain_text("Is anyone there?")


def test_who_waits_sees_how_many_are_before(browser: Browser, tmp_path: Path) -> None:
    go = Event()
    busy = ScriptedModel("words ", go, "end")
    model = LoadingModel("busy", lambda: busy, parallel=1)
    with served(tmp_path, model) as page, page.visitor() as other:
        other.send(other.begin(), "first")
        until(lambda: len(busy.prompts) == 1)
        with window(browser, page.page.url) as here:
            here.open().ask("second")
            expect(here.page.locator("#conversation")).to_contain_text("1 answer before this one")
            go.set()
            assert here.answered() == "words end"


def test_a_file_of_200_mb_is_refused_by_its_name(browser: Browser, tmp_path: Path) -> None:
    giant = tmp_path / "giant.txt"
    with giant.open("wb") as file:
        file.truncate(200 << 20)
    with served(tmp_path) as page, window(browser, page.page.url) as here:
        here.open().page.set_input_files("#composer input[type=file]", giant)
        expect(here.page.get_by_role("alert").get_by_text("giant.txt")).to_be_visible()
        here.says("hello")


def test_a_binary_that_is_called_text_is_refused_by_its_name(browser: Browser, tmp_path: Path) -> None:
    binary = tmp_path / "binary.txt"
    binary.write_bytes(bytes(range(256)))
    with served(tmp_path) as page, window(browser, page.page.url) as here:
        here.open().page.set_input_files("#composer input[type=file]", binary)
        expect(here.page.get_by_role("alert").get_by_text("binary.txt is not UTF-8 text")).to_be_visible()


def test_an_edited_message_of_1_mb_is_refused_and_stays_where_it_is(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as page, window(browser, page.page.url) as here:
        here.open().says("hello")
        here.tool(".message.user", "Edit")
        area = here.page.locator(".message.user textarea")
        area.evaluate(
            "area => { area.value = 'x'.repeat(1_000_000); area.dispatchEvent(new Event('input')); }"
        )
        area.press("Control+Enter")
        expect(here.page.get_by_role("alert").get_by_text("at most 400,000 characters")).to_be_visible()
        assert len(area.input_value()) == 1_000_000


def test_an_answer_goes_on_when_the_browser_vanishes(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, Parrot(times=40, pause=0.02)) as page:
        with window(browser, page.page.url) as here:
            here.open().ask("on and on")
            here.page.wait_for_selector(".message.writing")
            chat = here.chat
        session = page.people[""].find(chat)
        until(lambda: session.running is None)
        assert session.history.path()[-1].message.content.split() == ["on", "and", "on"] * 40
