"""Describes a model on disk and forecasts its memory, from its headers alone; no engine is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qwen_chat.model.formats.checkpoint import CheckpointInfo, read_checkpoint
from qwen_chat.model.formats.generation_config import context_length
from qwen_chat.model.formats.gguf import GgufHeader, info_from_headers, read_headers
from qwen_chat.model.formats.supported import to_one_line

_FILE_TYPES = dict(
    enumerate(
        [
            "F32",
            "F16",
            "Q4_0",
            "Q4_1",
            "-",
            "-",
            "-",
            "Q8_0",
            "Q5_0",
            "Q5_1",
            "Q2_K",
            "Q3_K_S",
            "Q3_K_M",
            "Q3_K_L",
            "Q4_K_S",
            "Q4_K_M",
            "Q5_K_S",
            "Q5_K_M",
            "Q6_K",
            "IQ2_XXS",
            "IQ2_XS",
            "Q2_K_S",
            "IQ3_XS",
            "IQ3_XXS",
            "IQ1_S",
            "IQ4_NL",
            "IQ3_S",
            "IQ3_M",
            "IQ2_S",
            "IQ2_M",
            "IQ4_XS",
            "IQ1_M",
            "BF16",
            "-",
            "-",
            "-",
            "TQ1_0",
            "TQ2_0",
            "MXFP4",
        ]
    )
)
"""Quantization names that publishers use, by llama.cpp's number in the header."""

_TENSOR_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    20: "IQ4_NL",
    23: "IQ4_XS",
    30: "BF16",
    39: "MXFP4",
}

DEFAULT_CONTEXT = 8192
"""Tokens of context on llama.cpp when a person asks for no other number; unused context costs memory, too."""

_HALF, _FULL = 2, 4
"""Bytes of a number of 16 and of 32 bits."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The description of a model by its headers.

    `weight_bytes` and `token_bytes` are the memory for the weights and for one token of context: the least
    that the engine can work with, and the most that it takes by default. `token_bytes` is None if unknown.
    """

    kind: str
    file_bytes: int
    parameters: int
    context_length: int | None
    weight_bytes: tuple[int, int]
    token_bytes: tuple[int, int] | None

    def memory(self, context: int) -> tuple[int, int]:
        """Return the least and the most bytes for the weights and `context` tokens."""
        (least, most), (slim, wide) = self.weight_bytes, self.token_bytes or (0, 0)
        return least + context * slim, most + context * wide


def survey_file(path: Path) -> Survey:
    """Describe the GGUF model that `path` belongs to.

    Raises: ModelLoadError when it is damaged or not a language model.
    """
    found = read_headers(path)
    info, metadata = info_from_headers(path, found), found[0].metadata
    numbers = _gguf_numbers_per_token(metadata, info.architecture)
    kept = numbers * _HALF if numbers else None
    return Survey(
        kind=f"GGUF {_quantization_name(found)}".strip(),
        file_bytes=info.file_bytes,
        parameters=sum(sum(header.weights.values()) for header in found),
        context_length=info.context_length,
        weight_bytes=(info.file_bytes, info.file_bytes),
        token_bytes=(kept, kept) if kept else None,
    )


def survey_folder(folder: Path) -> Survey:
    """Describe a transformers checkpoint.

    Raises: ModelLoadError when it is incomplete, or not a model that can chat.
    """
    info = read_checkpoint(folder)
    numbers = _config_numbers_per_token(_text_config(info.config))
    return Survey(
        kind=f"safetensors {info.quantization or _dtype_name(info.config)}".strip(),
        file_bytes=info.weight_bytes,
        parameters=info.parameters,
        context_length=context_length(info.config, info.generation),
        weight_bytes=_bytes_in_memory(info),
        token_bytes=(numbers * _HALF, numbers * _FULL) if numbers else None,
    )


def _quantization_name(found: list[GgufHeader]) -> str:
    file_type = found[0].metadata.get("general.file_type")
    if isinstance(file_type, int) and _FILE_TYPES.get(file_type, "-") != "-":
        return _FILE_TYPES[file_type]
    weights: dict[int, int] = {}
    for header in found:
        for kind, count in header.weights.items():
            weights[kind] = weights.get(kind, 0) + count
    return _TENSOR_TYPES.get(max(weights, key=lambda kind: weights[kind]), "")


def _gguf_numbers_per_token(metadata: Mapping[str, object], architecture: str) -> int | None:
    """Return how many numbers one token adds to the key/value cache."""

    def fact(name: str) -> int | None:
        value = metadata.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and value > 0 else None

    layers, heads = fact("block_count"), fact("attention.head_count")
    kept_heads = fact("attention.head_count_kv") or heads
    width = fact("embedding_length")
    size = width // heads if width and heads else None
    keys, values = fact("attention.key_length") or size, fact("attention.value_length") or size
    if not (layers and kept_heads and keys and values):
        return None
    return _full_attention_layers(layers, fact("full_attention_interval")) * kept_heads * (keys + values)


def _config_numbers_per_token(config: Mapping[str, Any]) -> int | None:
    def fact(*names: str) -> int | None:
        found = (config.get(name) for name in names)
        return next((value for value in found if isinstance(value, int) and value > 0), None)

    layers, heads = fact("num_hidden_layers"), fact("num_attention_heads")
    kept_heads, width = fact("num_key_value_heads") or heads, fact("hidden_size")
    size = fact("head_dim", "kv_channels") or (width // heads if width and heads else None)
    if not (layers and kept_heads and size):
        return None
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        layers = sum(kind != "linear_attention" for kind in kinds)
    return (
        _full_attention_layers(layers, None if kinds else fact("full_attention_interval"))
        * kept_heads
        * 2
        * size
    )


def _full_attention_layers(layers: int, interval: int | None) -> int:
    """Return how many layers cache every token: in Qwen3-Next and later, one of `interval`."""
    return layers // interval if interval else layers


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    text = config.get("text_config")
    return text if isinstance(text, dict) else config


def _dtype_name(config: Mapping[str, Any]) -> str:
    for each in (config, _text_config(config)):
        dtype = each.get("dtype") or each.get("torch_dtype")
        if isinstance(dtype, str):
            return to_one_line(dtype)
    return ""


def _bytes_in_memory(info: CheckpointInfo) -> tuple[int, int]:
    """Return the bytes of the weights in 16-bit numbers and in 32-bit ones, which some CPUs prefer."""
    if info.quantization:
        return info.weight_bytes, info.weight_bytes
    return info.parameters * _HALF, info.parameters * _FULL
