"""Kinds of key/value cache: the model's own numbers, smaller ones, or a fixed size for compiled models."""

import importlib.util

from transformers import PreTrainedConfig
from transformers.cache_utils import Cache, DynamicCache, QuantizedCache, StaticCache

from qwen_chat.errors import MissingExtraError

_BACKENDS = {"int8": ("hqq", 8), "int4": ("hqq", 4), "fp8": ("fp8", None)}
"""Our names -> transformers' backends and their bits."""


def check(kind: str | None) -> None:
    """Check that a kind of cache can be had here.

    Raises: MissingExtraError.
    """
    if kind in ("int8", "int4") and importlib.util.find_spec("hqq") is None:
        raise MissingExtraError(f"--kv-cache {kind}", "kv")


def new_cache(config: PreTrainedConfig, kind: str | None, fixed_length: int | None) -> Cache:
    """Return an empty cache; `fixed_length` tokens of room are taken at once where it is given."""
    text = config.get_text_config(decoder=True)
    if fixed_length is not None:
        return StaticCache(config=text, max_cache_len=fixed_length)
    if kind is None:
        return DynamicCache(config=text)
    backend, bits = _BACKENDS[kind]
    return QuantizedCache(backend=backend, config=text, nbits=bits)
