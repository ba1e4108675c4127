"""One browser window that tests use in turn: to start the page costs more than most of them."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError
from windows import Window, window

TIDY = """() => {
    for (const [sidebar, button] of [["#left", ".of-list"], ["#right", ".of-settings"]])
        if (document.querySelector(`${sidebar}.open`)) document.querySelector(button).click();
    for (const toast of document.querySelectorAll(".toast")) toast.remove();
    const search = document.querySelector("#chats [type=search]");
    if (search.value) {
        search.value = "";
        search.dispatchEvent(new Event("input"));
    }
    delete window.copied;
    delete navigator.clipboard.writeText;
}"""
"""Takes back what many tests do."""

FRAME = """() => {
    const parts = [...document.querySelectorAll("html, body *:not(#conversation *, #chats *, #settings *)")];
    const shown = parts.map((each) => [each.tagName, each.id, each.className, each.hidden, each.value]);
    const media = [matchMedia("(prefers-color-scheme: dark)").matches, innerWidth, innerHeight];
    const own = [window, navigator.clipboard].map((each) => Object.keys(each).length);
    return JSON.stringify([shown, media, own, document.documentElement.lang, localStorage.length]);
}"""
"""All of a page that is not the conversation itself: what a test may leave behind for the next one."""

SECONDS = 5
"""How long a fresh conversation may take to be there; after that, a new window is opened."""


class SharedWindow:
    """A window in which each test finds an empty profile and a fresh conversation.

    Where a test has left anything behind, the next gets a new window.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._open = ExitStack()
        self._window: Window | None = None
        self._wanted: tuple[str, dict[str, Any]] | None = None
        self._frame = ""

    @contextmanager
    def lend(self, url: str, **options: Any) -> Generator[Window]:
        """Lend the window, as good as new; no script may fail in it."""
        lent = self._window
        if lent is None or self._wanted != (url, options) or not self._is_fresh_again(lent):
            self.close()
            lent = self._window = self._open.enter_context(window(self._browser, url, **options)).open()
            self._wanted, self._frame = (url, options), lent.page.evaluate(FRAME)
        yield lent
        faults, lent.faults = lent.faults, []
        assert faults == []

    def _is_fresh_again(self, lent: Window) -> bool:
        try:
            _tidy(lent)
            return bool(lent.page.evaluate(FRAME) == self._frame)
        except PlaywrightError:
            return False

    def close(self) -> None:
        """Close the window."""
        self._window = None
        self._open.close()


def _tidy(lent: Window) -> None:
    """Leave all that was done in a window, and begin a conversation."""
    for tab in lent.context.pages:
        if tab is not lent.page:
            tab.close()
    lent.context.clear_permissions()
    lent.context.clear_cookies()
    lent.page.evaluate(TIDY)
    before = lent.chat
    lent.page.keyboard.press("Control+Shift+O")
    lent.page.wait_for_function(
        "before => !location.search.includes(before)", arg=before, timeout=1000 * SECONDS
    )
    lent.page.wait_for_selector("#conversation .welcome:not([hidden])", timeout=1000 * SECONDS)
    lent.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
