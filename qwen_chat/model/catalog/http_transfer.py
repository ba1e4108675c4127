"""Moves the missing bytes of one file from a server to the disk, over several connections at once."""

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from threading import Event, Lock
from typing import TYPE_CHECKING

from qwen_chat.model.catalog.byte_ranges import Range
from qwen_chat.model.catalog.http_answer import HttpAnswer, check_status, range_of, source_errors
from qwen_chat.model.catalog.partial_file import PartialFile
from qwen_chat.model.catalog.source import Report, SourceError
from qwen_chat.model.catalog.watched_threads import run_watched

if TYPE_CHECKING:
    import httpx

_CONNECTIONS = 4

_BLOCKS = 32
_MIN_BLOCK, _MAX_BLOCK = 1 << 16, 1 << 25
"""A request asks for a part of the file of so many bytes: the earlier parts arrive first, and are hashed."""

_ATTEMPTS = 3
_WORTHWHILE_BYTES = 1 << 18
"""An attempt that brought as many bytes before it broke is worth another, without an end."""


class HttpTransfer:
    """One transfer; its connections take one block of the file after the other."""

    def __init__(self, client: "httpx.Client", address: str, answer: HttpAnswer, part: PartialFile) -> None:
        self._client = client
        self._address = address
        self._url = answer.url  # without the redirects, which would delay each request
        self._gives_ranges = answer.gives_ranges
        self._part = part
        self._received = 0
        self._lock = Lock()
        size = min(max(part.size // _BLOCKS, _MIN_BLOCK), _MAX_BLOCK)
        starts = range(0, part.size, size)
        blocks = [(start, min(start + size, part.size)) for start in starts]
        self._blocks = deque(block for block in blocks if part.missing(*block))

    def run(self, stall: float, report: Report) -> None:
        """Fetch what is missing.

        Raises: SourceError, also when no bytes come for `stall` seconds; OSError when they cannot be written.
        """

        def poll() -> None:
            self._part.hash_some()
            report(self._part.arrived)

        tasks = [self._fetch_whole]
        if self._gives_ranges:
            tasks = [self._fetch_blocks] * min(_CONNECTIONS, len(self._blocks))
        run_watched(tasks, lambda: self._received, stall, poll)
        if not self._part.complete:
            raise SourceError("the file ends too early")

    def _fetch_blocks(self, stop: Event) -> None:
        with suppress(IndexError):  # no block is left
            while not stop.is_set():
                self._fetch_block(self._blocks.popleft(), stop)

    def _fetch_block(self, block: Range, stop: Event) -> None:
        attempts, left = 0, block[1] - block[0]
        while not stop.is_set() and (gaps := self._part.missing(*block)):
            missing = sum(end - start for start, end in gaps)
            attempts = 0 if left - missing >= _WORTHWHILE_BYTES else attempts
            left = missing
            try:
                self._fetch_range(gaps[0], stop)
            except SourceError:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
                self._url = self._address  # the address after the redirects may hold for a while only
                stop.wait(attempts / 4)

    def _fetch_range(self, wanted: Range, stop: Event) -> None:
        start, end = wanted
        with source_errors(), self._stream({"Range": f"bytes={start}-{end - 1}"}) as response:
            check_status(response)
            if range_of(response) != (start, self._part.size):
                raise SourceError("it gives other bytes than it was asked for")
            self._url = str(response.url)
            self._write(response, start, stop)

    def _fetch_whole(self, stop: Event) -> None:
        with source_errors(), self._stream({}) as response:
            check_status(response)
            self._write(response, 0, stop)

    def _stream(self, headers: Mapping[str, str]) -> AbstractContextManager["httpx.Response"]:
        return self._client.stream("GET", self._url, headers=headers)

    def _write(self, response: "httpx.Response", offset: int, stop: Event) -> None:
        for data in response.iter_raw():
            if stop.is_set():
                return
            self._part.write(offset, data)
            offset += len(data)
            with self._lock:
                self._received += len(data)
