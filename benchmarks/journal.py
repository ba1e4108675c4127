"""Measures the cost of saving an answer while it streams: the share of decoding time spent in the journal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Result, apart
from benchmarks.ours import OurChat
from benchmarks.process import QUESTION
from benchmarks.quiet import quietly
from qwen_chat.storage.journal import Journal

TOKENS = 1000
ANSWERS = 5


def measure() -> list[Result]:
    return apart(_measure)


def _measure() -> list[Result]:
    chat = OurChat(TOKENS)
    costs = [quietly(lambda: _cost(chat)) for _ in range(ANSWERS)]
    chat.close()
    kept, decoding = (median(column) for column in zip(*costs, strict=True))
    note = f"{kept * 1000:.3g} ms of {decoding:.3g} s, {TOKENS:,} tokens"
    return [Result("keeping an answer", [kept / decoding for kept, decoding in costs], 0.01, note)]


def _cost(chat: OurChat) -> tuple[float, float]:
    """Return the seconds in the journal, from the question to the commit, and the seconds of decoding."""
    chat.begin()
    with _timed_writes() as spent:
        watched = chat.ask(QUESTION)
    assert watched.tokens == TOKENS
    return sum(spent), watched.decode_seconds


@contextmanager
def _timed_writes() -> Iterator[list[float]]:
    write, spent = Journal._write, list[float]()

    def timed(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        started = time.perf_counter()
        write(*arguments, **options)
        spent.append(time.perf_counter() - started)

    with patch.object(Journal, "_write", timed):
        yield spent
