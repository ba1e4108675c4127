"""Measures the speed of decoding on torch, against model.generate with transformers' own streamer."""

from functools import partial

from benchmarks.measure import Result, compared, in_turn
from benchmarks.ours import OurTorchChat
from benchmarks.peer import GenerateChat
from benchmarks.watch import Watched
from benchmarks.worker import Worker, working

TOKENS = 96
LIMIT = 1.0
PAIRS = 7
QUESTION = "Write a long story about a fisherman and his three daughters."


def measure() -> list[Result]:
    with working(OurTorchChat, TOKENS) as ours, working(GenerateChat, TOKENS) as bare:
        pairs = in_turn(partial(_ask, ours), partial(_ask, bare), PAIRS)
    assert all(a.tokens == b.tokens == TOKENS for a, b in pairs)
    watched = [(a.watched_speed, b.watched_speed) for a, b in pairs]
    return [compared("torch: decoding", watched, LIMIT, "tokens/s", at_least=True)]


def _ask(chat: Worker) -> Watched:
    chat.begin()
    return chat.ask(QUESTION)
