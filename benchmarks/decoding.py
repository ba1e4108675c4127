"""Speed of decoding, by the engine's clock and by the clock of whoever watches the answer."""

from functools import partial

from benchmarks.measure import Result, compared, in_turn
from benchmarks.ours import OurChat
from benchmarks.peer import BareChat
from benchmarks.process import QUESTION
from benchmarks.watch import Watched
from benchmarks.worker import Worker, working

TOKENS = 256
LIMIT = 0.97


def measure() -> list[Result]:
    with working(OurChat, TOKENS) as ours, working(BareChat, TOKENS) as bare:
        _ask(ours), _ask(bare)  # the first answer also waits for the engine to open
        pairs = in_turn(partial(_ask, ours), partial(_ask, bare))
    assert all(a.tokens == b.tokens == TOKENS for a, b in pairs)
    engine = [(a.engine_speed, b.engine_speed) for a, b in pairs]
    watched = [(a.watched_speed, b.watched_speed) for a, b in pairs]
    return [
        compared("decoding, engine's clock", engine, LIMIT, "tokens/s", at_least=True),
        compared("decoding, watcher's clock", watched, LIMIT, "tokens/s", at_least=True),
    ]


def _ask(chat: Worker) -> Watched:
    chat.begin()
    return chat.ask(QUESTION)
