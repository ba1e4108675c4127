"""Measures which number type is fastest on this CPU, since no rule holds for all CPUs.

Without bf16 instructions, bfloat16 decodes faster, since it reads half the bytes, but its prefill is many
times slower.
"""

import time

import torch

_PROMPT_TOKENS, _ANSWER_TOKENS = 256, 256
"""The tokens of a typical turn."""

_MATRICES = 4
_ROUNDS = 3
_SAMPLE_TOKENS = 64
_MAX_WIDTH = 4096


def fastest_on_cpu(hidden: int, intermediate: int) -> tuple[torch.dtype, str]:
    """Return the faster of float32 and bfloat16 for layers of these widths, and the measurement in words."""
    shape = (min(intermediate, _MAX_WIDTH), min(hidden, _MAX_WIDTH))
    seconds = {dtype: _turn_seconds(dtype, shape) for dtype in (torch.float32, torch.bfloat16)}
    best, other = sorted(seconds, key=lambda dtype: seconds[dtype])
    gain = seconds[other] / seconds[best]
    return best, f"{_dtype_name(best)}, measured {gain:.1f} times as fast as {_dtype_name(other)} here"


def _turn_seconds(dtype: torch.dtype, shape: tuple[int, int]) -> float:
    """Return the seconds of a typical turn in one matrix."""
    # Several matrices are used in turn, so that none stays in the processor's cache, as in a real model.
    weights = [torch.ones(shape, dtype=dtype) for _ in range(_MATRICES)]
    reading = _time_linear(weights, torch.ones((_SAMPLE_TOKENS, shape[1]), dtype=dtype))
    writing = _time_linear(weights, torch.ones((1, shape[1]), dtype=dtype))
    return reading * _PROMPT_TOKENS / _SAMPLE_TOKENS + writing * _ANSWER_TOKENS


@torch.no_grad()
def _time_linear(weights: list[torch.Tensor], states: torch.Tensor) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for weight in weights:
            torch.nn.functional.linear(states, weight)
        best = min(best, (time.perf_counter() - started) / len(weights))
    return best


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
