"""Measures a batch of eight prompts on torch, against the same prompts one by one."""

import time
from collections.abc import Callable

from benchmarks.measure import Result, apart, compared, in_turn
from benchmarks.ours import TORCH_DTYPE
from benchmarks.smol import checkpoint
from qwen_chat.errors import ModelError
from qwen_chat.message import Message
from qwen_chat.model.base import BatchRequest, CompletedAnswer
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

ROWS = 8
TOKENS = 48
LIMIT = 3.0
PAIRS = 3
QUESTION = "Write a long story about {} and the sea."
HEROES = ("a king", "a cat", "two sisters", "a baker", "an old ship", "a thief", "a doctor", "the moon")


def measure() -> list[Result]:
    return [compared("torch: a batch of 8", apart(_pairs), LIMIT, "tokens/s", at_least=True)]


def _pairs() -> list[tuple[float, float]]:
    from qwen_chat.model.hf.engine import TransformersModel

    model = TransformersModel(read_checkpoint(checkpoint()), "smol", TransformersOptions(dtype=TORCH_DTYPE))
    params = SamplingParams(temperature=0, max_new_tokens=TOKENS)
    requests = [BatchRequest([Message("user", QUESTION.format(hero))], params) for hero in HEROES]

    def together() -> float:
        return _speed(lambda: model.answer(requests))

    def one_by_one() -> float:
        return _speed(lambda: [model.answer([request])[0] for request in requests])

    pairs = in_turn(together, one_by_one, PAIRS)
    model.close()
    return pairs


def _speed(answer: Callable[[], list[CompletedAnswer | ModelError]]) -> float:
    started = time.perf_counter()
    answers = answer()
    tokens = sum(each.usage.completion_tokens for each in answers if isinstance(each, CompletedAnswer))
    assert tokens > ROWS * TOKENS / 2
    return tokens / (time.perf_counter() - started)
