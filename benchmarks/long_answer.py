"""Streams a very long answer to a real page: measures its bytes, and the delay of keys typed meanwhile."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from qwen_chat.message import Delta
from qwen_chat.model.base import PLAIN, Cancel, Capabilities, Chat, Deltas, LoadedModel, PromptOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.users import People, Person
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store
from qwen_chat.web.serving import Page

LONG, SHORT = 10_000, 5_000
"""Tokens."""

PACE = 400
"""Tokens per second."""

TEXT = (Path(__file__).with_name("README.md")).read_text(encoding="utf-8")
TOKEN = 4
"""Characters."""

KEYS = """() => {
    window.delays = [];
    const area = document.querySelector("#composer textarea");
    const drawn = then => requestAnimationFrame(() => setTimeout(then));
    area.addEventListener("keydown", event => {
        drawn(() => window.delays.push(performance.now() - event.timeStamp));
    });
    area.focus();
}"""


@dataclass(frozen=True, slots=True)
class LongAnswer:
    """The longest delay from a key press to its drawing, in milliseconds, and the size of the stream."""

    slowest_key: float
    keys: int
    kilobytes: float


class Teller(LoadedModel):
    """A model that streams a number of Markdown tokens at a steady pace."""

    name = "teller"
    context_length = 1_000_000
    default_params = SamplingParams()
    default_system = notice = ""
    capabilities = Capabilities()

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def stream(
        self,
        messages: Chat,  # noqa: ARG002 - a model's signature
        params: SamplingParams,  # noqa: ARG002
        options: PromptOptions = PLAIN,  # noqa: ARG002
        *,
        cancel: Cancel = None,
    ) -> Deltas:
        """Yield the text, over and over."""
        whole = TEXT * (1 + self._tokens * TOKEN // len(TEXT))
        started = time.monotonic()
        for number in range(self._tokens):
            if cancel is not None and cancel.wait(max(0.0, started + number / PACE - time.monotonic())):
                return
            yield Delta(whole[number * TOKEN : (number + 1) * TOKEN])
        yield Delta(finish_reason="stop")

    def close(self) -> None:
        """Do nothing."""


def long_answer(tokens: int) -> LongAnswer:
    """Stream an answer to a real browser, and type all the while."""
    with _served(Teller(tokens)) as url, _tab() as tab:
        received = _streamed(tab)
        tab.goto(url)
        tab.wait_for_selector("#conversation .welcome:not([hidden])")
        tab.fill("#composer textarea", "Tell me everything.")
        tab.press("#composer textarea", "Enter")
        tab.wait_for_selector("#composer button.stops")
        tab.evaluate(KEYS)
        while tab.locator("#composer button.stops").count():
            tab.keyboard.press("a")
            tab.wait_for_timeout(200)
        delays = tab.evaluate("() => window.delays")
        return LongAnswer(max(delays), len(delays), sum(received) / 1000)


@contextmanager
def _served(model: Teller) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "chats.db"))
        person = Person("", model, Settings(), store)
        page = Page(People(lambda name: person))  # noqa: ARG005 - everyone is the same person
        page.start()
        try:
            yield page.url
        finally:
            page.stop()
            person.close()
            store.close()


@contextmanager
def _tab() -> Iterator[Tab]:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser.new_page()
        finally:
            browser.close()


def _streamed(tab: Tab) -> list[int]:
    """Return a list that collects the sizes in bytes of all data from event streams."""
    session = tab.context.new_cdp_session(tab)
    session.send("Network.enable")
    streams: set[str] = set()
    sizes: list[int] = []

    def answered(event: dict[str, Any]) -> None:
        if event["response"]["mimeType"] == "text/event-stream":
            streams.add(event["requestId"])

    def came(event: dict[str, Any]) -> None:
        if event["requestId"] in streams:
            sizes.append(event["dataLength"])

    session.on("Network.responseReceived", answered)
    session.on("Network.dataReceived", came)
    return sizes
