"""The page of a chat that goes on in a terminal: the same session, the same model in memory."""

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
    """Shows the conversation of a terminal in a browser; nothing is served before it is asked for."""

    def __init__(self, session: ChatSession, model: ChatModel) -> None:
        self._session = session
        self._model = model
        self._page: Page | None = None

    def open(self) -> str:
        """Open the conversation in view in a browser where there is one, and return its address.

        Raises: UsageError when the page cannot be served.
        """
        if self._page is None:
            self._page = self._served()
        url = f"{self._page.url}?chat={self._session.history.id}"
        show(url)
        return url

    def close(self) -> None:
        """Serve it no longer."""
        if self._page is not None:
            self._page.stop()

    def _served(self) -> "Page":
        from qwen_chat.session.users import People, Person
        from qwen_chat.web.serving import Page

        person = Person("", self._model, self._session.settings, self._session.store)
        person.join(self._session)
        try:
            page = Page(People(lambda name: person))  # noqa: ARG005 - whoever opens it is the one at the terminal
        except MissingExtraError as error:
            raise UsageError(str(error)) from None
        page.start()
        return page


def show(url: str) -> None:
    """Open a browser, unless it would be one that takes over this terminal."""
    windows = sys.platform in ("darwin", "win32") or any(map(os.environ.get, _WINDOWS))
    if not windows:
        return
    import webbrowser

    webbrowser.open(url)
