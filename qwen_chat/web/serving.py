"""The page's server, in a thread of its own, for the terminal and the command line."""

import asyncio
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qwen_chat.errors import MissingExtraError
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.listen import Certificate, listen
from qwen_chat.http.server_thread import ServerThread
from qwen_chat.session.users import People

if TYPE_CHECKING:
    from qwen_chat.web.app import PageApp

_NEEDED = ("gradio", "uvicorn")
_NOBODY_SECONDS = 3
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound

PANEL_DELAY_SECONDS = 1.0
"""How long a browser has to draw the page before Gradio is imported for its settings."""


class Page:
    """Serves the page until it is stopped; it listens at its address as soon as it is made.

    `accounts` are the persons who may log in; without them, everyone is the one person without a name.
    `root_path` is where a proxy shows the page: a path, or a whole address. `may_fetch` lets everyone who
    reaches the page fetch models from the hubs, unless there are accounts.

    Raises: MissingExtraError; UsageError for an address or a certificate that cannot be used.
    """

    def __init__(
        self,
        people: People,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        accounts: Accounts | None = None,
        root_path: str = "",
        certificate: Certificate | None = None,
        may_fetch: bool = False,
    ) -> None:
        if not all(map(find_spec, _NEEDED)):
            raise MissingExtraError("The page", "web")
        self._people, self._host, self._accounts = people, host, accounts
        self._may_fetch = may_fetch and accounts is None
        self._root_path = root_path.rstrip("/")
        tls = certificate.context() if certificate else None
        self._scheme = "https" if tls else "http"
        listening = listen(host, port)
        self.port: int = listening.getsockname()[1]
        self._hosts = Hosts(host, root_path)
        self.opened = Event()
        """Set when the first browser has the page."""
        self._uploads = TemporaryDirectory(prefix="qwen-chat-", ignore_cleanup_errors=True)
        self._preparing: asyncio.Task[None] | None = None
        self._thread = ServerThread(self._build_app, listening, tls=tls, proxied=bool(self._root_path))

    @property
    def url(self) -> str:
        """Where to open it."""
        if "://" in self._root_path:
            return f"{self._root_path}/"
        name = _ANY_ADDRESS.get(self._host, self._host)
        shown = f"[{name}]" if ":" in name else name
        return f"{self._scheme}://{shown}:{self.port}{self._root_path}/"

    def start(self) -> None:
        """Begin to serve, and return as soon as the page can be opened."""
        self._thread.start()

    def allow(self, url: str) -> None:
        """Answer to another address of the page, too, as that of a tunnel."""
        self._hosts.allow(url)

    def stop(self) -> None:
        """End every answer that is being sent, and serve no longer."""
        self._thread.stop()
        self._uploads.cleanup()

    async def _prepare_panel(self, app: "PageApp") -> None:
        """Import Gradio once a browser has drawn the page, or when none comes soon."""
        for _ in range(_NOBODY_SECONDS):
            if self.opened.is_set():
                break
            await asyncio.sleep(1)
        await asyncio.sleep(PANEL_DELAY_SECONDS)
        app.prepare_panel()

    def _build_app(self) -> "PageApp":
        from qwen_chat.web.app import PageApp
        from qwen_chat.web.login import NoLogin, PasswordLogin

        login = PasswordLogin(self._accounts, f"qwen-chat-{self.port}") if self._accounts else NoLogin()
        path = urlsplit(self._root_path).path if "://" in self._root_path else self._root_path
        app = PageApp(
            self._people,
            self._hosts,
            login,
            uploads=Path(self._uploads.name),
            opened=self.opened,
            root_path=path,
            may_fetch=self._may_fetch,
        )
        self._preparing = asyncio.create_task(self._prepare_panel(app))
        return app
