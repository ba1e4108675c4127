"""Small models made for tests: a GGUF of random weights with any chat template, and LoRA adapters."""

from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

_WIDTH, _HEADS, _FORWARD = 64, 2, 128
_TOKENIZER = (
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
)


def write_model(path: Path, like: Path, template: str | None, *, context: int = 512) -> Path:
    """Write a one-layer model with the tokenizer of `like`, and a chat template of its own."""
    tokens, types, merges = _vocabulary(like)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    for name, shape in _shapes(len(tokens)).items():
        writer.add_tensor(name, _weights(name, shape))
    _finish(writer)
    return path


def write_lora(path: Path, *, width: int, tensors: list[str], scale: float) -> Path:
    """Write an adapter of rank 1 for square weights of a llama model."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    random = np.random.default_rng(0)
    for name in tensors:
        writer.add_tensor(f"{name}.lora_a", random.normal(size=(1, width)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", (scale * random.normal(size=(width, 1))).astype(np.float32))
    _finish(writer)
    return path


@cache
def _vocabulary(like: Path) -> tuple[Any, ...]:
    """Return tokens, types and merges; to read these hundred thousand values takes seconds, so only once."""
    reader = gguf.GGUFReader(like)
    return tuple(reader.fields[name].contents() for name in _TOKENIZER)


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    square = (_WIDTH, _WIDTH)
    return {
        "token_embd.weight": (vocabulary, _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "blk.0.attn_norm.weight": (_WIDTH,),
        **{f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")},
        "blk.0.ffn_norm.weight": (_WIDTH,),
        "blk.0.ffn_gate.weight": (_FORWARD, _WIDTH),
        "blk.0.ffn_up.weight": (_FORWARD, _WIDTH),
        "blk.0.ffn_down.weight": (_WIDTH, _FORWARD),
    }


@cache
def _weights(name: str, shape: tuple[int, ...]) -> Any:
    if name.endswith("norm.weight"):
        return np.ones(shape, np.float32)
    random = np.random.default_rng(len(name))
    return (0.1 * random.normal(size=shape)).astype(np.float16)


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
