"""A key/value cache in 8 or 4 bits that needs only torch.

Each token's numbers are quantized once, when they arrive, in groups along the head, so the cache can grow and
be cropped like a plain one. The rounding is asymmetric, as in KIVI (Liu et al., 2024).
"""

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

_GROUP_SIZE = 32
"""Numbers that share a scale and a minimum, if the head's width is a multiple."""

QuantizedStates = tuple[Tensor, Tensor, Tensor]
"""Codes uint8 [batch, heads, tokens, groups, bytes], scales and minima [..., groups, 1]."""


class QuantizedLayer(DynamicLayer):
    """The cache of one layer; `bits` is 8 or 4."""

    def __init__(self, bits: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bits = bits
        self._small_keys: QuantizedStates | None = None
        self._small_values: QuantizedStates | None = None

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ANN401, ARG002
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> tuple[Tensor, Tensor]:
        """Add the states of new tokens, and return those of all tokens, [batch, heads, tokens, width]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, self._small_keys = self._grown(self._small_keys, key_states)
        values, self._small_values = self._grown(self._small_values, value_states)
        return keys, values

    def get_seq_length(self) -> int:
        """Return the number of cached tokens."""
        return 0 if self._small_keys is None else self._small_keys[0].shape[2]

    def crop(self, tokens_to_remove: int) -> None:
        """Remove the last tokens; `tokens_to_remove` is negative."""
        left = self.get_seq_length() - abs(tokens_to_remove)
        self._small_keys = _crop(self._small_keys, left)
        self._small_values = _crop(self._small_values, left)

    def reset(self) -> None:
        """Remove all tokens."""
        super().reset()
        self._small_keys = self._small_values = None

    def _grown(self, small: QuantizedStates | None, states: Tensor) -> tuple[Tensor, QuantizedStates]:
        new = quantize(states, self._bits)
        if small is None:
            return states, new
        every = torch.cat([dequantize(small, self._bits, states.dtype), states], dim=-2)
        codes, scales, lowest = (torch.cat(pair, dim=2) for pair in zip(small, new, strict=True))
        return every, (codes, scales, lowest)


def quantize(states: Tensor, bits: int) -> QuantizedStates:
    """Quantize states [batch, heads, tokens, width]."""
    width = states.shape[-1]
    groups = states.float().unflatten(-1, (-1, _GROUP_SIZE if width % _GROUP_SIZE == 0 else width))
    lowest, highest = groups.aminmax(dim=-1, keepdim=True)
    scales = ((highest - lowest) / (2**bits - 1)).clamp(min=torch.finfo(torch.float16).tiny)
    codes = ((groups - lowest) / scales).round_().to(torch.uint8)
    if bits == 4:
        codes = codes[..., ::2] | codes[..., 1::2] << 4
    return codes, scales.half(), lowest.half()


def dequantize(small: QuantizedStates, bits: int, dtype: torch.dtype) -> Tensor:
    """Return the states [batch, heads, tokens, width]."""
    codes, scales, lowest = small
    if bits == 4:
        codes = torch.stack([codes & 15, codes >> 4], dim=-1).flatten(-2)
    return torch.addcmul(lowest.to(dtype), codes.to(dtype), scales.to(dtype)).flatten(-2)


def _crop(small: QuantizedStates | None, tokens: int) -> QuantizedStates | None:
    if small is None:
        return None
    codes, scales, lowest = (part[:, :, :tokens] for part in small)
    return codes, scales, lowest
