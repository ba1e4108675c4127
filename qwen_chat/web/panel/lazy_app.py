"""An application that is built in a thread, so that what is slow to import holds up nothing else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """Builds an ASGI application once, in the background or for its first request, and passes requests on.

    `build` runs in a thread of its own; while it runs, requests wait.
    """

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._built: Future[ASGIApp] | None = None
        self._lock = Lock()

    def prepare(self) -> "Future[ASGIApp]":
        """Begin to build the application, unless that has begun, and return its future."""
        with self._lock:
            if self._built is None:
                self._built = Future()
                self._built.set_running_or_notify_cancel()  # a request that ends does not end the building
                Thread(target=self._run, args=(self._built,), name="build-app", daemon=True).start()
            return self._built

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; where the application cannot be built, with one line that says so."""
        try:
            app = await asyncio.wrap_future(self.prepare())
        except Exception as error:  # noqa: BLE001 - whatever an import or a library raises
            fault = " ".join(f"the settings cannot be shown: {type(error).__name__}: {error}".split())
            app = PlainTextResponse(fault, 503)
        await app(scope, receive, send)

    def _run(self, built: "Future[ASGIApp]") -> None:
        try:
            # Gradio looks for a running event loop, and would leave a new one behind where there is none.
            built.set_result(asyncio.run(self._run_build()))
        except Exception as error:  # noqa: BLE001 - every request for the application reports it
            built.set_exception(error)

    async def _run_build(self) -> ASGIApp:
        return self._build()
