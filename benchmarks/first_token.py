"""Measures the time to the first text of turn 20 in a chat of 3,000 tokens, and the tokens read for it."""

from functools import partial
from itertools import count
from statistics import median

from benchmarks.measure import Result, compared, one_pair
from benchmarks.ours import OurChat
from benchmarks.peer import BareChat
from benchmarks.quiet import quietly
from benchmarks.watch import Watched
from benchmarks.worker import Worker, working

CHATS = 7
TURNS = 20
TOKENS = 48
DIARY = (
    "Day {day} of my travel diary, chat {chat}. We left the village early in the morning and walked along "
    "the river until the path turned into the forest. At noon we met two fishermen, who gave us bread and "
    "told us about the old bridge. In the evening it rained, so we stayed at a small inn near the market "
    "and wrote letters to our friends at home. Tomorrow we want to climb the hill behind the church. What "
    "should we take with us?"
)
LAST = "And what should we do when it rains again?"


def measure() -> list[Result]:
    numbers = count()
    with working(OurChat, TOKENS) as ours, working(BareChat, TOKENS) as bare:
        pairs = [quietly(lambda: _last_turns(ours, bare, next(numbers))) for _ in range(CHATS)]
    first = [(a.first_seconds * 1000, b.first_seconds * 1000) for a, b in pairs]
    length = median(a.prompt_tokens for a, _ in pairs)
    read = [f"{median(side.read_tokens for side in sides):g}" for sides in zip(*pairs, strict=True)]
    remark = f", {length:,} tokens, of which {' / '.join(read)} are read"
    return [compared("first token of turn 20", first, 1.1, "ms", remark=remark)]


def _last_turns(ours: Worker, bare: Worker, number: int) -> tuple[Watched, Watched]:
    """Run two new chats turn by turn, and return the last turn of each."""
    ours.begin()
    bare.begin()
    for day in range(1, TURNS):
        _turns(ours, bare, number, DIARY.format(day=day, chat=number))
    return _turns(ours, bare, number, LAST)


def _turns(ours: Worker, bare: Worker, number: int, question: str) -> tuple[Watched, Watched]:
    return one_pair(partial(ours.ask, question), partial(bare.ask, question), bare_first=number % 2 == 1)
