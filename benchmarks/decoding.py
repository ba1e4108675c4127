"""Measures the speed of decoding, by the engine's clock and by the clock of the stream's reader.

Each answer comes from a process of its own, since the placement of its memory makes a difference, too.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.measure import Result, compared, in_turn
from benchmarks.ours import OurChat
from benchmarks.peer import BareChat
from benchmarks.process import QUESTION
from benchmarks.watch import Watched
from benchmarks.worker import Chat, working

TOKENS = 256
LIMIT = 0.97
PAIRS = 11


def measure() -> list[Result]:
    pairs = in_turn(partial(_ask, OurChat), partial(_ask, BareChat), PAIRS)
    assert all(a.tokens == b.tokens == TOKENS for a, b in pairs)
    engine = [(a.engine_speed, b.engine_speed) for a, b in pairs]
    watched = [(a.watched_speed, b.watched_speed) for a, b in pairs]
    return [
        compared("decoding, engine's clock", engine, LIMIT, "tokens/s", at_least=True),
        compared("decoding, watcher's clock", watched, LIMIT, "tokens/s", at_least=True),
    ]


def _ask(open_chat: Callable[[int], Chat]) -> Watched:
    with working(open_chat, TOKENS) as chat:
        return chat.ask(QUESTION)
