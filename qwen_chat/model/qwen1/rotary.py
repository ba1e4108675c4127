"""Computes positions: rotary embedding with dynamic NTK, and LogN scaling of queries.

The original chooses the NTK factor α when it reads a prompt, and keeps it for the whole answer. Here α is
stored with the cache of that prompt, so that no other request can change it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache

from qwen_chat.model.qwen1.configuration import QWenConfig


def ntk_alpha(tokens: int, config: QWenConfig) -> float:
    """Return a prompt's NTK factor α: 1 up to `seq_length` tokens, 3 up to twice that, 7 up to four times."""
    if not config.use_dynamic_ntk:
        return 1.0
    doublings = max(math.ceil(tokens / config.seq_length) - 1, 0).bit_length()
    return float(2 ** (doublings + 1) - 1)


def prompt_alphas(lengths: Sequence[int], config: QWenConfig) -> Tensor:
    """Return α [rows] of prompts with these numbers of tokens."""
    return torch.tensor([ntk_alpha(tokens, config) for tokens in lengths], dtype=torch.float32)


def rotary_embedding(positions: Tensor, alphas: Tensor, config: QWenConfig) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [rows, tokens, rotary_width] in fp32, for positions [rows, tokens], α [rows].

    Either number of rows may be 1.
    """
    width = config.rotary_width
    exact = _float_type(positions.device)
    bases = config.rotary_emb_base * alphas.to(positions.device, exact) ** (width / (width - 2))
    exponents = torch.arange(0, width, 2, device=positions.device).float() / width
    frequencies = 1.0 / bases.float()[:, None] ** exponents
    angles = positions[..., None].float() * frequencies[:, None]
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first channels of `states` [rows, heads, tokens, channels], in fp32 whatever their type.

    `cos` and `sin` are [rows, 1, tokens, rotary_width]; the other channels stay unchanged.
    """
    width = cos.shape[-1]
    turned = states[..., :width].float()
    first, second = turned.chunk(2, dim=-1)
    turned = (turned * cos + torch.cat((-second, first), dim=-1) * sin).to(states.dtype)
    return turned if width == states.shape[-1] else torch.cat((turned, states[..., width:]), dim=-1)


def logn_scale(positions: Tensor, seq_length: int) -> Tensor:
    """Return the scale of queries in fp32: max(1, ln(position + 1) / ln(seq_length))."""
    ratio = torch.log(positions.to(_float_type(positions.device)) + 1) / math.log(seq_length)
    return ratio.clamp(min=1).float()


def _float_type(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no fp64.


@dataclass(slots=True)
class _CachedAlphas:
    alphas: Tensor
    awaited: bool


_KEY = "_qwen1_stretching"


def store_alphas(cache: Cache, alphas: Tensor, *, awaited: bool = False) -> None:
    """Store α [rows] of the prompt in `cache`; `awaited` means that its first token is not read yet."""
    if (alphas == alphas[0]).all():
        alphas = alphas[:1]  # One row fits any number of beams and copies.
    setattr(cache, _KEY, _CachedAlphas(alphas, awaited))


def load_alphas(cache: Cache) -> Tensor | None:
    """Return α [rows] with which `cache` was filled, or will be; None if it is empty."""
    state: _CachedAlphas | None = getattr(cache, _KEY, None)
    # A cache that was emptied for another prompt must not keep the last prompt's α.
    if state is None or not (state.awaited or cache.get_seq_length()):
        return None
    state.awaited = False
    return state.alphas


def get_alphas(
    cache: Cache | None, lengths: Callable[[], list[int]], config: QWenConfig, device: torch.device
) -> Tensor:
    """Return α [rows] stored in `cache`, or else compute it for prompts of these lengths and store it."""
    alphas = None if cache is None else load_alphas(cache)
    if alphas is None:
        alphas = prompt_alphas(lengths(), config)
        if cache is not None:
            store_alphas(cache, alphas)
    return alphas.to(device)
