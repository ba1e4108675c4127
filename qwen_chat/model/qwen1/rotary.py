"""Where a token stands: rotary embedding, its dynamic NTK stretching, and LogN scaling of queries.

The original chooses the stretching when it reads a prompt, and keeps it for the whole answer, however long.
Here it is remembered with the cache of that prompt, so that no other request can change it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache

from qwen_chat.model.qwen1.configuration import QWenConfig


def ntk_alpha(tokens: int, config: QWenConfig) -> float:
    """Return a prompt's stretching α: 1 up to `seq_length` tokens, 3 up to twice that, 7 up to four times."""
    if not config.use_dynamic_ntk:
        return 1.0
    doublings = max(math.ceil(tokens / config.seq_length) - 1, 0).bit_length()
    return float(2 ** (doublings + 1) - 1)


def prompt_alphas(lengths: Sequence[int], config: QWenConfig) -> Tensor:
    """Return the α [rows] of prompts that have so many tokens."""
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

    `cos` and `sin` are [rows, 1, tokens, rotary_width]; further channels pass as they are.
    """
    width = cos.shape[-1]
    turned = states[..., :width].float()
    first, second = turned.chunk(2, dim=-1)
    turned = (turned * cos + torch.cat((-second, first), dim=-1) * sin).to(states.dtype)
    return turned if width == states.shape[-1] else torch.cat((turned, states[..., width:]), dim=-1)


def logn_scale(positions: Tensor, seq_length: int) -> Tensor:
    """Return what to multiply queries by, in fp32: max(1, ln(position + 1) / ln(seq_length))."""
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
    """Keep the α [rows] of the prompt in `cache`; `awaited` tells that its first token is yet to come."""
    if (alphas == alphas[0]).all():
        alphas = alphas[:1]  # Beams and copies then need not be followed.
    setattr(cache, _KEY, _CachedAlphas(alphas, awaited))


def load_alphas(cache: Cache) -> Tensor | None:
    """Return the α [rows] that `cache` was filled with, or is about to be; None if it holds nothing."""
    state: _CachedAlphas | None = getattr(cache, _KEY, None)
    # A cache emptied for another prompt must not keep the stretching of the last one.
    if state is None or not (state.awaited or cache.get_seq_length()):
        return None
    state.awaited = False
    return state.alphas


def get_alphas(
    cache: Cache | None, lengths: Callable[[], list[int]], config: QWenConfig, device: torch.device
) -> Tensor:
    """Return the α [rows] that `cache` remembers; if none, that of prompts of these lengths, to remember."""
    alphas = None if cache is None else load_alphas(cache)
    if alphas is None:
        alphas = prompt_alphas(lengths(), config)
        if cache is not None:
            store_alphas(cache, alphas)
    return alphas.to(device)
