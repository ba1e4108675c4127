"""Serves an application below a path, such as /chat behind a proxy."""

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """ASGI middleware that sets the root path, which some proxies cut off the path and others do not."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the root path without a slash leads to the one with it."""
        path = below(self._root_path, scope["path"])
        if self._root_path and path == "":
            await RedirectResponse(f"{self._root_path}/", 308)(scope, receive, send)
            return
        await self.app({**scope, "root_path": self._root_path, "path": self._root_path + path}, receive, send)


def below(root_path: str, path: str) -> str:
    """Return a path without the root path."""
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        return path.removeprefix(root_path)
    return path


def route_path(scope: Scope) -> str:
    """Return the path of a request below its root path."""
    return below(scope.get("root_path", ""), scope["path"])
