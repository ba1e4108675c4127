"""Measures the rendering of an answer: against naive redrawing, for twice the text, and at a steady pace."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from unittest.mock import patch

from rich.console import Console
from rich.markdown import Markdown

from benchmarks.measure import Result, compared, in_turn
from qwen_chat.terminal.output import live_region
from qwen_chat.terminal.output.live_region import LiveRegion
from qwen_chat.terminal.output.markdown_writer import MarkdownWriter

PIECE = """## A heading

A paragraph with **bold words**, `code`, a [link](https://example.org/) and a formula \\(x^2 + \\alpha\\),
that goes on for a while, as answers do.

1. first
   - nested *item*
2. second

| name | value |
|:-----|------:|
| one  |     1 |

```python
def square(x: int) -> int:
    return x * x  # a comment
```

"""
TOKEN = 4
"""Characters."""

SHORT, LONG, AGAINST_NAIVE = 10_000, 20_000, 4_000
TOKENS_PER_SECOND, SECONDS = 50, 10


def measure() -> list[Result]:
    _ours(SHORT)  # imports and caches
    naive = in_turn(lambda: _drawn_each_time(AGAINST_NAIVE), lambda: _naive(AGAINST_NAIVE), 3)
    doubled = in_turn(lambda: _drawn_each_time(LONG), lambda: _drawn_each_time(SHORT), 5)
    share = _share_of_a_core()
    return [
        compared("rendering, against naive", naive, 0.1, "s", remark=f", {AGAINST_NAIVE:,} characters"),
        compared("rendering 20,000 / 10,000 chars", doubled, 2.3, "s, drawn at each token"),
        Result("rendering, share of a core", [share], 0.02, f"{TOKENS_PER_SECOND} tokens/s, {SECONDS} s"),
    ]


def _tokens(length: int) -> Iterator[str]:
    text = (PIECE * (length // len(PIECE) + 1))[:length]
    return (text[at : at + TOKEN] for at in range(0, length, TOKEN))


def _answer() -> MarkdownWriter:
    return MarkdownWriter(LiveRegion(StringIO(), lambda: os.terminal_size((80, 24))))


def _ours(length: int) -> float:
    def show() -> None:
        answer = _answer()
        for token in _tokens(length):
            answer.feed(token)
        answer.close()

    return _cpu_seconds(show)


def _drawn_each_time(length: int) -> float:
    with _without_pauses():
        return _ours(length)


def _naive(length: int) -> float:
    def show() -> None:
        console = Console(file=StringIO(), force_terminal=True, width=80)
        text = ""
        for token in _tokens(length):
            text += token
            console.print(Markdown(text))

    return _cpu_seconds(show)


def _share_of_a_core() -> float:
    def show() -> None:
        answer = _answer()
        for token in _tokens(TOKENS_PER_SECOND * SECONDS * TOKEN):
            answer.feed(token)
            time.sleep(1 / TOKENS_PER_SECOND)
        answer.close()

    return _cpu_seconds(show) / SECONDS


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Draw at every token, as with a slow model."""
    with patch.object(live_region, "_DRAW_SECONDS", 0.0):
        yield


def _cpu_seconds(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
