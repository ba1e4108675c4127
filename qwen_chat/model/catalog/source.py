"""What a place that has a file can do for a download; hubs and package indexes are such places."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qwen_chat.model.catalog.partial_file import PartialFile

Report = Callable[[int], None]
"""Takes the number of bytes of the file that have arrived."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a download waits: for a first answer, and while no bytes come."""

    connect: float = 5
    stall: float = 10


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The size in bytes and the SHA-256 of a file; 0 and "" where a source does not tell them."""

    size: int
    sha256: str


class Source(Protocol):
    """A place that has a file."""

    @property
    def name(self) -> str:
        """What people call it."""

    def ask(self) -> FileFacts:
        """Return what it tells about the file.

        Raises: SourceError.
        """

    def salvage(self, part: PartialFile, folder: Path) -> None:
        """Fill in the bytes that lie in `folder` already, in the form in which this source gives them."""

    def fetch(self, part: PartialFile, folder: Path, report: Report) -> None:
        """Fill in the missing bytes, with work files in `folder`; those that arrived stay after an error.

        Raises: SourceError; OSError when they cannot be written.
        """

    def mend(self, folder: Path) -> str:
        """Return what a person can do when it gave nothing, as an imperative."""


class SourceError(Exception):
    """A source does not give the file; the message is the reason in a few words."""
