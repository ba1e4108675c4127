"""The page's server, in a thread of its own, for the terminal and the command line."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qwen_chat.errors import MissingExtraError
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.listen import Certificate, listen
from qwen_chat.session.users import People

if TYPE_CHECKING:
    import uvicorn

    from qwen_chat.web.app import PageApp

_NEEDED = ("gradio", "uvicorn")
_LAST_SECONDS = 1
_NOBODY_SECONDS = 3
_LOOK_SECONDS = 0.01
_IDLE_SECONDS = 30
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
        self._tls = certificate.context() if certificate else None
        self._listening = listen(host, port)
        self.port: int = self._listening.getsockname()[1]
        self._hosts = Hosts(host, root_path)
        self.opened = Event()
        """Set when the first browser has the page."""
        self._server: uvicorn.Server | None = None
        self._end: Callable[[], object] | None = None
        self._fault: Exception | None = None
        self._thread = Thread(target=self._run, name="page", daemon=True)

    @property
    def url(self) -> str:
        """Where to open it."""
        if "://" in self._root_path:
            return f"{self._root_path}/"
        name = _ANY_ADDRESS.get(self._host, self._host)
        shown = f"[{name}]" if ":" in name else name
        return f"{'https' if self._tls else 'http'}://{shown}:{self.port}{self._root_path}/"

    def start(self) -> None:
        """Begin to serve, and return as soon as the page can be opened."""
        self._thread.start()
        while not (self._server and self._server.started) and self._thread.is_alive():
            self._thread.join(_LOOK_SECONDS)
        if self._fault is not None:
            raise self._fault

    def allow(self, url: str) -> None:
        """Answer to another address of the page, too, as that of a tunnel."""
        self._hosts.allow(url)

    def stop(self) -> None:
        """End every answer that is being sent, and serve no longer."""
        if self._server is not None and self._end is not None:
            self._server.should_exit = True
            with suppress(RuntimeError):  # it has ended by itself
                self._end()
            self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        try:
            with TemporaryDirectory(prefix="qwen-chat-", ignore_cleanup_errors=True) as uploads:
                asyncio.run(self._serve(Path(uploads)))
        except Exception as error:  # noqa: BLE001 - `start` raises it
            self._fault = error

    async def _serve(self, uploads: Path) -> None:
        app = self._build_app(uploads)
        # What was imported stays: to look through it for garbage holds up the page for a tenth of a second.
        gc.freeze()
        self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, app.close)
        self._server = self._build_server(app)
        preparing = asyncio.create_task(self._prepare_panel(app))
        await self._server.serve(sockets=[self._listening])
        preparing.cancel()

    async def _prepare_panel(self, app: "PageApp") -> None:
        """Import Gradio once a browser has drawn the page, or when none comes soon."""
        for _ in range(_NOBODY_SECONDS):
            if self.opened.is_set():
                break
            await asyncio.sleep(1)
        await asyncio.sleep(PANEL_DELAY_SECONDS)
        app.prepare_panel()

    def _build_app(self, uploads: Path) -> "PageApp":
        from qwen_chat.web.app import PageApp
        from qwen_chat.web.login import NoLogin, PasswordLogin

        login = PasswordLogin(self._accounts, f"qwen-chat-{self.port}") if self._accounts else NoLogin()
        path = urlsplit(self._root_path).path if "://" in self._root_path else self._root_path
        return PageApp(
            self._people,
            self._hosts,
            login,
            uploads=uploads,
            opened=self.opened,
            root_path=path,
            may_fetch=self._may_fetch,
        )

    def _build_server(self, app: "PageApp") -> "uvicorn.Server":
        import uvicorn

        tls = self._tls
        return uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                # A proxy, where there is one, names the client and its protocol.
                proxy_headers=bool(self._root_path),
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_LAST_SECONDS,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
