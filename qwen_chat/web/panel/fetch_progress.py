"""How far the fetching of a model has come, for the panels that show it."""

import time
from threading import Event

from qwen_chat import i18n
from qwen_chat.text import format_size

_MEASURED_SECONDS = 5


class FetchStoppedError(Exception):
    """A person stopped the fetching; what has arrived stays."""


class FetchProgress:
    """Follows the download of all files of a model; see `Progress` of the downloads.

    `total` is the size of all files in bytes, as far as it is known before.
    """

    def __init__(self, model: str, total: int) -> None:
        self._model = model
        self._total = total
        self._earlier = 0
        self._size, self._arrived = 0, 0
        self._began: tuple[float, int] | None = None
        self._stopped = Event()

    @property
    def text(self) -> str:
        """What a person reads: which model, how much of it is here, and how long the rest takes."""
        arrived = min(self._earlier + self._arrived, self._total)
        here, all_of_it = format_size(arrived), format_size(self._total)
        if (left := self._minutes_left(arrived)) is None:
            return i18n.Text("panel.fetching", model=self._model, arrived=here, total=all_of_it)
        return i18n.Text("panel.fetching_left", model=self._model, arrived=here, total=all_of_it, count=left)

    def stop(self) -> None:
        """End the download soon."""
        self._stopped.set()

    def say(self, line: str) -> None:
        """Tell nothing: the error of the last source is what a person needs."""

    def begin(self, total: int, arrived: int) -> None:
        """Begin with a file."""
        self._size = total
        self._total = max(self._total, self._earlier + total)
        self._began = (time.monotonic(), self._earlier + arrived)
        self.update(arrived)

    def update(self, arrived: int) -> None:
        """Take the number of bytes of this file that are here.

        Raises: FetchStoppedError after `stop`.
        """
        self._arrived = arrived
        if self._stopped.is_set():
            raise FetchStoppedError

    def end(self) -> None:
        """Count a whole file as an earlier one."""
        if self._arrived == self._size:
            self._earlier, self._arrived, self._size = self._earlier + self._size, 0, 0

    def _minutes_left(self, arrived: int) -> int | None:
        if self._began is None:
            return None
        since, before = self._began
        seconds = time.monotonic() - since
        if seconds < _MEASURED_SECONDS or arrived <= before:
            return None
        return max(1, round((self._total - arrived) * seconds / (arrived - before) / 60))
