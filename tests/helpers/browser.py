"""A real Chromium without a window, cut off from the world, that tells what it ran and what it asked for."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Playwright

OUTSIDE = "evil.test"
"""A host that pages may try to reach; its name leads to a port where nobody listens."""

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The shell is Chromium without windows, menus and tabs, which nobody sees here: a page costs half."""

_EVENTS = ("error", "load", "focus", "mouseover", "click", "toggle", "animationstart", "begin", "submit")


@dataclass(slots=True)
class Seen:
    """What a page did."""

    ran: bool = False
    asked: list[str] = field(default_factory=list)


class Browser:
    """Opens pages from files; `log` is Chromium's own record of its network once it is closed."""

    def __init__(self, page: Page, log: Path) -> None:
        self.page = page
        self.log = log
        self._asked: list[str] = []
        self._dialogs: list[str] = []
        page.on("request", lambda request: self._asked.append(request.url))
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self._dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, path: Path) -> Seen:
        """Open a page, do to each of its elements what a person could do, and tell what came of it."""
        self._asked.clear()
        self._dialogs.clear()
        self.page.goto(path.as_uri())
        self.page.evaluate(
            """events => {
                document.addEventListener("click", event => event.preventDefault(), true);
                for (const details of document.querySelectorAll("details")) details.open = true;
                for (const element of document.querySelectorAll("*"))
                    for (const name of events) element.dispatchEvent(new Event(name, {cancelable: true}));
            }""",
            list(_EVENTS),
        )
        self.page.wait_for_timeout(30)
        ran = bool(self._dialogs) or self.page.evaluate("'ran' in document.documentElement.dataset")
        return Seen(ran, [url for url in self._asked if url != path.as_uri()])


def executable() -> str:
    """Return where the system's Chromium is."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail("no Chromium to test pages in: install chromium-headless-shell, or run make test as root")
    return found


@contextmanager
def browser(playwright: Playwright, folder: Path) -> Generator[Browser]:
    """Start a browser with a profile of its own in `folder`."""
    log = folder / "network.json"
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        f"--log-net-log={log}",
        f"--host-resolver-rules=MAP {OUTSIDE} 127.0.0.1:1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    context = playwright.chromium.launch_persistent_context(
        folder / "profile", executable_path=executable(), headless=True, args=arguments
    )
    try:
        yield Browser(context.pages[0], log)
    finally:
        context.close()
