"""A file at an address of the web, fetched over several connections where the server gives ranges."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from qwen_chat import __version__
from qwen_chat.model.catalog.http_answer import HttpAnswer, read_answer, source_errors
from qwen_chat.model.catalog.http_transfer import HttpTransfer
from qwen_chat.model.catalog.partial_file import PartialFile
from qwen_chat.model.catalog.source import DEFAULT_PATIENCE, FileFacts, Patience, Report, SourceError

if TYPE_CHECKING:
    import httpx

_MAX_REDIRECTS = 8
_FIRST_BYTE = {"Range": "bytes=0-0"}


@dataclass(frozen=True, slots=True)
class HttpSource:
    """A file on the web.

    Proxies and certificates come from HTTP_PROXY, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE.
    """

    name: str
    address: Callable[[], str]
    """Returns the address; raises SourceError when it must not be asked."""
    patience: Patience = DEFAULT_PATIENCE

    def ask(self) -> FileFacts:
        """Return the size and, from hubs that tell it, the SHA-256.

        Raises: SourceError.
        """
        address = self.address()
        with self._client() as client:
            return self._ask(client, address).facts

    def salvage(self, part: PartialFile, folder: Path) -> None:
        """Do nothing: what came from here is in the file already."""

    def fetch(self, part: PartialFile, folder: Path, report: Report) -> None:  # noqa: ARG002 - needs no folder
        """Fetch the missing bytes.

        Raises: SourceError; OSError when they cannot be written.
        """
        address = self.address()
        with self._client() as client:
            answer = self._ask(client, address)
            answer.check(FileFacts(part.size, part.digest))
            HttpTransfer(client, address, answer, part).run(self.patience.stall, report)

    def mend(self, folder: Path) -> str:  # noqa: ARG002 - needs no folder
        """Return what a person can do when nothing came."""
        return "start again when online"

    def _client(self) -> "httpx.Client":
        import httpx

        with source_errors():
            return httpx.Client(
                timeout=httpx.Timeout(self.patience.stall, connect=self.patience.connect, pool=None),
                follow_redirects=True,
                max_redirects=_MAX_REDIRECTS,
                headers={"Accept-Encoding": "identity", "User-Agent": f"qwen-chat/{__version__}"},
            )

    def _ask(self, client: "httpx.Client", address: str) -> HttpAnswer:
        """Ask for the first byte, to learn the size and whether the server gives ranges."""
        result: list[HttpAnswer | SourceError] = []

        def ask() -> None:
            try:
                with source_errors(), client.stream("GET", address, headers=_FIRST_BYTE) as response:
                    result.append(read_answer(response))
            except SourceError as error:
                result.append(error)

        # In a thread, because the look-up of a name can hang for longer than any timeout of a connection.
        asking = Thread(target=ask, name="download", daemon=True)
        asking.start()
        asking.join(self.patience.connect)
        answer = result[0] if result else SourceError(f"no answer in {self.patience.connect:g} seconds")
        if isinstance(answer, SourceError):
            raise answer
        return answer
