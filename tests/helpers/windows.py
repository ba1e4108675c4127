"""Browser windows for tests of the page: a real Chromium, started once, a fresh profile for each test."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from browser import executable
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, Playwright, expect

LONGEST = 60_000
"""Milliseconds that anything may take."""

expect.set_options(timeout=LONGEST)


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Start a browser that reaches nothing but this machine."""
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    started = playwright.chromium.launch(executable_path=executable(), headless=True, args=arguments)
    try:
        yield started
    finally:
        started.close()


class Window:
    """What one person sees of the page, and does there."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.faults: list[str] = []
        self.page = self._opened()

    def open(self, chat: str = "") -> "Window":
        """Open the page, and wait until something can be typed."""
        self.page.goto(f"{self.url}?chat={chat}" if chat else self.url)
        return self.ready()

    def ready(self) -> "Window":
        """Wait until the page shows a conversation."""
        self.page.wait_for_selector("#conversation :is(.message, .welcome:not([hidden]))")
        return self

    def turn_to(self, chat: str) -> "Window":
        """Show a conversation that has messages, without loading the page again, as the back button does."""
        self.page.evaluate(
            """chat => {
                history.pushState(null, "", `?chat=${chat}`);
                dispatchEvent(new PopStateEvent("popstate"));
            }""",
            chat,
        )
        self.page.wait_for_selector("#conversation .message")
        return self

    def beside(self, chat: str) -> Page:
        """Open a conversation in a second tab."""
        tab = self._opened()
        tab.goto(f"{self.url}?chat={chat}")
        tab.wait_for_selector(".message")
        return tab

    @property
    def chat(self) -> str:
        """The conversation in view."""
        return str(self.page.evaluate("new URLSearchParams(location.search).get('chat')"))

    @property
    def panel(self) -> Frame:
        """The settings, a document of their own, once they are there."""
        return settings_of(self.page)

    def ask(self, text: str) -> None:
        """Send a message, as with the keyboard."""
        self.page.fill("#composer textarea", text)
        self.page.press("#composer textarea", "Enter")

    def answered(self, number: int = 1) -> str:
        """Wait until so many answers are there and none is written, and return the last."""
        self.page.wait_for_function(
            """number => document.querySelectorAll(".message.assistant").length >= number
                && !document.querySelector(".message.writing")
                && document.querySelector(".messages").ariaBusy === "false" """,
            arg=number,
        )
        return self.page.inner_text(".message.assistant:last-child .written")

    def says(self, text: str) -> None:
        """Ask something, and wait for the answer."""
        before = self.page.locator(".message.assistant").count()
        self.ask(text)
        self.answered(before + 1)

    def tool(self, message: str, label: str) -> None:
        """Press a button below a message."""
        found = self.page.locator(message)
        found.hover()
        found.get_by_role("button", name=label, exact=True).click()

    def _opened(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(LONGEST)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._heard)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        # An answer with a status of its own is told on the page; anything else nobody would see.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)


def settings_of(page: Page) -> Frame:
    """Return the document of the settings in a page that shows them."""
    node = page.wait_for_selector("#settings > iframe.loaded")
    frame = node.content_frame() if node is not None else None
    assert frame is not None
    # What is typed before the first values are there is overwritten by them.
    frame.wait_for_function("() => document.querySelector('#model-name :is(textarea, input)')?.value")
    return frame


@contextmanager
def window(browser: Browser, url: str, **options: Any) -> Generator[Window]:
    """Open a window with a profile of its own; no script may fail in it."""
    context = browser.new_context(
        **{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options}
    )
    try:
        opened = Window(context, url)
        yield opened
        assert opened.faults == []
    finally:
        context.close()
