"""The API's server, for the command line."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec

from qwen_chat.errors import MissingExtraError
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.listen import Certificate, listen
from qwen_chat.http.server_thread import ClosableApp, ServerThread
from qwen_chat.model.base import ChatModel
from qwen_chat.server.access import FREE_ACCESS, Access
from qwen_chat.server.defaults import NO_DEFAULTS, Defaults

_NEEDED = ("fastapi", "uvicorn", "openai", "prometheus_client")
_DRAIN_SECONDS = 10.0
"""How long answers may go on after the server was told to stop."""

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound


class ApiServer:
    """Serves the API until it is stopped; it listens at its address as soon as it is made.

    Clients call the models by their names here; the first is the default.

    Raises: MissingExtraError; UsageError for an address or a certificate that cannot be used.
    """

    def __init__(
        self,
        models: Mapping[str, ChatModel],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        access: Access = FREE_ACCESS,
        defaults: Defaults = NO_DEFAULTS,
        certificate: Certificate | None = None,
    ) -> None:
        if not all(map(find_spec, _NEEDED)):
            raise MissingExtraError("The API", "server")
        tls = certificate.context() if certificate else None
        listening = listen(host, port)
        self._host, self._scheme = host, "https" if tls else "http"
        self.port: int = listening.getsockname()[1]
        build = partial(_build, models, Hosts(host), access, defaults)
        self._thread = ServerThread(build, listening, tls=tls, drain_seconds=_DRAIN_SECONDS)

    @property
    def url(self) -> str:
        """The address that clients are given."""
        name = _ANY_ADDRESS.get(self._host, self._host)
        return f"{self._scheme}://{f'[{name}]' if ':' in name else name}:{self.port}/v1"

    def start(self) -> None:
        """Begin to serve, and return as soon as requests are answered."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more requests, and return when the answers under way have ended, or were ended."""
        self._thread.stop()


def _build(models: Mapping[str, ChatModel], hosts: Hosts, access: Access, defaults: Defaults) -> ClosableApp:
    from qwen_chat.server.app import ApiApp
    from qwen_chat.server.models import Models

    return ApiApp(Models(models), hosts, access, defaults)
