"""Creates key/value caches: in the model's number type, quantized, or of fixed size for compiled models."""

from transformers import PreTrainedConfig
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, QuantizedCache, StaticCache

from qwen_chat.model.hf.quantized_cache import QuantizedLayer

_BITS = {"int8": 8, "int4": 4}


def new_cache(config: PreTrainedConfig, kind: str | None, fixed_length: int | None) -> Cache:
    """Return an empty cache; with `fixed_length`, its memory for so many tokens is allocated at once."""
    text = config.get_text_config(decoder=True)
    if fixed_length is not None:
        return StaticCache(config=text, max_cache_len=fixed_length)
    if kind == "fp8":
        return QuantizedCache(backend="fp8", config=text)
    cache = DynamicCache(config=text)
    if kind is not None:
        # Other kinds of layers, such as those with sliding windows, are small already.
        layers = cache.layers
        cache.layers = [
            QuantizedLayer(_BITS[kind]) if type(layer) is DynamicLayer else layer for layer in layers
        ]
    return cache
