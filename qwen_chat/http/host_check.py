"""Refuses requests whose Host header names another server, as in DNS rebinding."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from qwen_chat.http.hosts import Hosts
from qwen_chat.http.refusal import Refuse


class HostCheck:
    """ASGI middleware that answers only to the names of this server; `fault` refuses any other."""

    def __init__(self, app: ASGIApp, hosts: Hosts, refuse: Refuse, fault: str) -> None:
        self.app = app
        self._hosts, self._refuse, self._fault = hosts, refuse, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        known = self._hosts.knows(Headers(scope=scope).get("host", ""))
        app = self.app if known else self._refuse(400, self._fault)
        await app(scope, receive, send)
