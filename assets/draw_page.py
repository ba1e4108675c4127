"""Photographs the page for the README, from a real run on the embedded Qwen: `python assets/draw_page.py`."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from qwen_chat.model.base import wait_until_loaded
from qwen_chat.model.catalog import embedded
from qwen_chat.model.factory import open_model
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.state import Failed
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.web.serving import Page as Served

HERE = Path(__file__).parent
QUESTIONS = (
    "What is the capital of France?",
    "Write a Python function that returns the square of a number, and show how to call it.",
)
LAST = "Make a list of three things to see in Paris."
SETTINGS = Settings(sampling=SamplingParams(max_new_tokens=160, seed=7))


def main() -> None:
    """Talk on the page, and take its picture in both themes."""
    embedded.fetch(embedded.QWEN, sys.stderr)
    with sync_playwright() as playwright, _served() as url:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in ("light", "dark"):
            _photograph(browser, url, theme)
        browser.close()


@contextmanager
def _served() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder, "chats.db"))) as store:
        _, model = open_model(SETTINGS, sys.stderr)
        person = Person("", model, SETTINGS, store)
        page = Served(People(lambda name: person))  # noqa: ARG005 - everyone is the same person
        page.start()
        _load(model)
        try:
            yield page.url
        finally:
            page.stop()
            person.close()
            model.close()


def _load(model: LoadingModel) -> None:
    state = wait_until_loaded(model)
    if isinstance(state, Failed):
        raise state.error


def _photograph(browser: Browser, url: str, theme: str) -> None:
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, device_scale_factor=1.5, color_scheme=theme, locale="en-GB"
    )
    tab = context.new_page()
    tab.set_default_timeout(180_000)
    tab.goto(url)
    tab.wait_for_selector("#conversation .welcome:not([hidden])")
    for number, question in enumerate(QUESTIONS, 1):
        _say(tab, question)
        tab.wait_for_function(
            """number => document.querySelectorAll(".message.assistant:not(.writing)").length >= number
                && !document.querySelector("#composer button.stops")""",
            arg=number,
        )
    tab.keyboard.press("Control+b")
    _say(tab, LAST)
    tab.wait_for_function("() => document.querySelector('.message.writing')?.innerText.length > 130")
    tab.wait_for_timeout(300)
    tab.screenshot(path=HERE / f"page-{theme}.png")
    context.close()


def _say(tab: Page, question: str) -> None:
    tab.fill("#composer textarea", question)
    tab.press("#composer textarea", "Enter")


if __name__ == "__main__":
    main()
