"""Serves an application in a thread of its own."""

import asyncio
import gc
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import socket
from threading import Thread
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import Receive, Scope, Send

_LOOK_SECONDS = 0.01
_IDLE_SECONDS = 30
_LAST_SECONDS = 1
"""How long responses may take to end once they are told to."""


class ClosableApp(Protocol):
    """An ASGI application that can end the responses that it is sending."""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""

    def close(self) -> None:
        """End the responses that are being sent; called in the loop that sends them."""


class ServerThread:
    """Serves the application that `build` makes, on a listening socket.

    `proxied` says that a proxy names the client and its protocol. `drain_seconds` is how long responses may
    go on after `stop`.
    """

    def __init__(
        self,
        build: Callable[[], ClosableApp],
        listening: socket,
        *,
        tls: ssl.SSLContext | None = None,
        proxied: bool = False,
        drain_seconds: float = 0.0,
    ) -> None:
        self._build, self._listening = build, listening
        self._tls, self._proxied, self._drain_seconds = tls, proxied, drain_seconds
        self._server: uvicorn.Server | None = None
        self._stop: Callable[[], object] | None = None
        self._fault: Exception | None = None
        self._thread = Thread(target=self._run, name="server", daemon=True)

    def start(self) -> None:
        """Begin to serve, and return as soon as requests are answered."""
        self._thread.start()
        while not (self._server and self._server.started) and self._thread.is_alive():
            self._thread.join(_LOOK_SECONDS)
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Accept no more requests, let responses end for a while, and return when all have ended."""
        if self._stop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._stop()
            self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - `start` raises it
            self._fault = error

    async def _serve(self) -> None:
        app = self._build()
        # What was imported stays: to look through it for garbage holds requests up for a tenth of a second.
        gc.freeze()
        loop = asyncio.get_running_loop()
        self._server = self._build_server(app)
        self._stop = partial(loop.call_soon_threadsafe, self._end, self._server, app)
        await self._server.serve(sockets=[self._listening])

    def _end(self, server: "uvicorn.Server", app: ClosableApp) -> None:
        server.should_exit = True
        asyncio.get_running_loop().call_later(self._drain_seconds, app.close)

    def _build_server(self, app: ClosableApp) -> "uvicorn.Server":
        import uvicorn

        tls = self._tls
        return uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                proxy_headers=self._proxied,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=int(self._drain_seconds) + _LAST_SECONDS,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )
