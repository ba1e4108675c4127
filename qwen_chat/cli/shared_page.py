"""The page for a chat in a terminal: both show the same session and use the same model in memory."""

import os
import sys
from typing import TYPE_CHECKING

from qwen_chat.errors import MissingExtraError, UsageError
from qwen_chat.model.base import ChatModel
from qwen_chat.session.session import ChatSession

if TYPE_CHECKING:
    from qwen_chat.web.serving import Page

_WINDOWS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class SharedPage:
    """Serves the conversation of a terminal as a page, from the first /web on."""

    def __init__(self, session: ChatSession, model: ChatModel) -> None:
        self._session = session
        self._model = model
        self._page: Page | None = None

    def open(self) -> str:
        """Open the conversation in view in a browser where there is one, and return its address.

        Raises: UsageError when the page cannot be served.
        """
        if self._page is None:
            self._page = self._start_page()
        url = f"{self._page.url}?chat={self._session.history.id}"
        open_browser(url)
        return url

    def close(self) -> None:
        """Stop serving the page."""
        if self._page is not None:
            self._page.stop()

    def _start_page(self) -> "Page":
        from qwen_chat.session.users import People, Person
        from qwen_chat.web.serving import Page

        person = Person("", self._model, self._session.settings, self._session.store)
        person.join(self._session)
        try:
            page = Page(People(lambda name: person), may_fetch=True)  # noqa: ARG005 - whoever opens it is the one at the terminal
        except MissingExtraError as error:
            raise UsageError(str(error)) from None
        page.start()
        return page


def open_browser(url: str) -> None:
    """Open a browser at an address, unless it would be a browser that takes over this terminal."""
    windows = sys.platform in ("darwin", "win32") or any(map(os.environ.get, _WINDOWS))
    if not windows:
        return
    import webbrowser

    webbrowser.open(url)
