"""What a server's answer tells about a file, and what its errors mean in a few words."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qwen_chat.model.catalog.source import FileFacts, SourceError

if TYPE_CHECKING:
    import httpx

_SHA256 = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer to a request for the first byte; `url` is where redirects led."""

    url: str
    facts: FileFacts
    gives_ranges: bool

    def check(self, wanted: FileFacts) -> None:
        """Raise SourceError when the server has another file."""
        if self.facts.size not in (0, wanted.size):
            raise SourceError(f"it has another file, of {self.facts.size:,} bytes instead of {wanted.size:,}")
        if wanted.sha256 and self.facts.sha256 not in ("", wanted.sha256):
            raise SourceError("it has another file, of another SHA-256")


def read_answer(response: "httpx.Response") -> HttpAnswer:
    """Return what the answer to a request for the first byte tells.

    Raises: SourceError when it is no file.
    """
    check_status(response)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceError("it answers with a web page instead of the file")
    given = range_of(response)
    length = given[1] if given else response.headers.get("Content-Length", "")
    # Hugging Face tells both before it redirects to the server with the bytes.
    hops = [*response.history, response]
    told = [hop.headers.get("X-Linked-Size", "") for hop in hops] + [str(length)]
    digests = [_SHA256.fullmatch(hop.headers.get("X-Linked-Etag", "")) for hop in hops]
    return HttpAnswer(
        str(response.url),
        FileFacts(
            next((int(size) for size in told if size.isdecimal()), 0),
            next((found[1] for found in digests if found), ""),
        ),
        gives_ranges=given is not None,
    )


def range_of(response: "httpx.Response") -> tuple[int, int] | None:
    """Return the first byte of the range that is given, and the size of the file; None for a whole file."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found and response.status_code == 206 else None


def check_status(response: "httpx.Response") -> None:
    """Raise SourceError unless the server gives the file or a range of it."""
    if response.status_code not in (200, 206):
        raise SourceError(f"it answers {response.status_code} {response.reason_phrase}".strip())


@contextmanager
def source_errors() -> Generator[None, None, None]:
    """Raise SourceError, with a reason in a few words, for every error of a connection."""
    import httpx

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ImportError, ValueError) as error:
        raise SourceError(_describe(error)) from error


def _describe(error: Exception) -> str:
    import httpx

    known: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "no answer",
        httpx.ReadTimeout: "no bytes for some seconds",
        httpx.TooManyRedirects: "it redirects in a circle",
        httpx.RemoteProtocolError: "it ended the connection too early",
        httpx.ReadError: "the connection broke",
    }
    text = " ".join(str(error).split())[:120]
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted; SSL_CERT_FILE can name yours"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return known.get(type(error)) or text or type(error).__name__
