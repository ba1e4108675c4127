"""Weights packed as GPTQ's layout defines it."""

from typing import Any

import numpy as np

GROUP = 32
"""Weights that share a scale."""

Tensors = dict[str, np.ndarray[Any, Any]]


def pack(numbers: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Pack numbers along the first axis into int32, the first number into the lowest bits."""
    each = 32 // bits
    words = numbers.astype(np.uint32).reshape(-1, each, *numbers.shape[1:])
    shifts = (np.arange(each, dtype=np.uint32) * bits).reshape(1, each, *[1] * (numbers.ndim - 1))
    packed_words: np.ndarray[Any, Any] = np.bitwise_or.reduce(words << shifts, axis=1).view(np.int32)
    return packed_words


def quantized(
    rng: np.random.Generator, inputs: int, outputs: int, bits: int, *, shuffled: bool
) -> tuple[Tensors, np.ndarray[Any, Any]]:
    """Return the packed tensors of one layer, and the weights [outputs, inputs] that they stand for."""
    codes = rng.integers(0, 2**bits, (inputs, outputs))
    zeros = np.full((inputs // GROUP, outputs), 2 ** (bits - 1))
    scales = (rng.uniform(0.5, 1.5, zeros.shape) * 0.3 / 2**bits).astype(np.float16)
    groups: Any = np.arange(inputs, dtype=np.int32) // GROUP
    groups = rng.permutation(groups) if shuffled else groups
    weights = scales.astype(np.float32)[groups] * (codes - zeros[groups])
    tensors = {
        "qweight": pack(codes, bits),
        # The format keeps one less than the zero point, packed along the outputs.
        "qzeros": np.ascontiguousarray(pack(zeros.T - 1, bits).T),
        "scales": scales,
        "g_idx": groups,
    }
    return tensors, np.ascontiguousarray(weights.T.astype(np.float32))


def scheme(bits: int, *, shuffled: bool) -> dict[str, Any]:
    said = {"bits": bits, "group_size": GROUP, "desc_act": shuffled, "sym": True, "quant_method": "gptq"}
    return {"quantization_config": said}
