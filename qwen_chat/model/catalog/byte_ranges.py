"""A set of byte ranges: which bytes of a file have arrived."""

from bisect import bisect_left
from collections.abc import Iterator

Range = tuple[int, int]
"""The first byte, and the one after the last."""


class ByteRanges:
    """Disjoint ranges in ascending order; ranges that touch become one."""

    def __init__(self) -> None:
        self._ranges: list[Range] = []

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    @property
    def total(self) -> int:
        """The number of bytes in all ranges."""
        return sum(end - start for start, end in self._ranges)

    @property
    def prefix(self) -> int:
        """The number of bytes from the start of the file to the first gap."""
        return self._ranges[0][1] if self._ranges and self._ranges[0][0] == 0 else 0

    def add(self, start: int, end: int) -> None:
        """Add the bytes from `start` to just before `end`."""
        first = bisect_left(self._ranges, start, key=lambda each: each[1])
        last = first
        while last < len(self._ranges) and self._ranges[last][0] <= end:
            start, end = min(start, self._ranges[last][0]), max(end, self._ranges[last][1])
            last += 1
        self._ranges[first:last] = [(start, end)]

    def missing(self, start: int, end: int) -> list[Range]:
        """Return the gaps between `start` and `end`."""
        gaps = []
        for low, high in self._ranges:
            if low >= end:
                break
            if low > start:
                gaps.append((start, low))
            start = max(start, high)
        return [*gaps, (start, end)] if start < end else gaps
