"""Measures the time to the first text of turn 8 on torch, in a chat that grows by 200 tokens a turn.

The peer encodes the whole conversation again each turn, as Qwen's own demos do.
"""

from functools import partial
from statistics import median

from benchmarks.first_token import DIARY, LAST
from benchmarks.measure import Result, compared, one_pair
from benchmarks.ours import OurTorchChat
from benchmarks.peer import GenerateChat
from benchmarks.quiet import quietly
from benchmarks.watch import Watched
from benchmarks.worker import Worker, working

CHATS = 3
TURNS = 8
TOKENS = 16
LIMIT = 0.15


def measure() -> list[Result]:
    with working(OurTorchChat, TOKENS) as ours, working(GenerateChat, TOKENS) as bare:
        pairs = [quietly(partial(_last_turns, ours, bare, number)) for number in range(CHATS)]
    first = [(a.first_seconds, b.first_seconds) for a, b in pairs]
    length = median(a.prompt_tokens for a, _ in pairs)
    remark = f", {length:,.0f} tokens, of which {median(a.read_tokens for a, _ in pairs):.0f} are read"
    return [compared("torch: first token of turn 8", first, LIMIT, "s", remark=remark)]


def _last_turns(ours: Worker, bare: Worker, number: int) -> tuple[Watched, Watched]:
    """Run two new chats turn by turn, and return the last turn of each."""
    ours.begin()
    bare.begin()
    for day in range(1, TURNS):
        # Two entries of the diary make about 200 tokens.
        entry = DIARY.format(day=2 * day, chat=number) + " " + DIARY.format(day=2 * day + 1, chat=number)
        one_pair(partial(ours.ask, entry), partial(bare.ask, entry), bare_first=False)
    return one_pair(partial(ours.ask, LAST), partial(bare.ask, LAST), bare_first=number % 2 == 1)
