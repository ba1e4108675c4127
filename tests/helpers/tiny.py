"""Small models made for tests: a GGUF of random weights with any chat template, and LoRA adapters."""

import struct
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

_WIDTH, _HEADS, _FORWARD = 64, 2, 128
_TOKENIZER = (b"tokenizer.ggml.tokens", b"tokenizer.ggml.token_type", b"tokenizer.ggml.merges")

_COUNTS, _ENTRIES = 8, 24
"""Where a GGUF file says how many tensors and entries it has, and where its entries begin."""

_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of each other type of GGUF."""


def write_model(
    path: Path, like: Path, template: str | list[dict[str, str]] | None, *, context: int = 512
) -> Path:
    """Write a one-layer model with the tokenizer of `like`, and a chat template of its own, or several."""
    entries, size = _vocabulary(like)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    for name, shape in _shapes(size).items():
        writer.add_tensor(name, _weights(name, shape))
    _finish(writer)
    _insert(path, entries, len(_TOKENIZER) + 1)
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
def _vocabulary(like: Path) -> tuple[bytes, int]:
    """Return the entries of a tokenizer as bytes, and how many tokens it has: to parse them takes seconds."""
    data = like.read_bytes()
    (count,) = struct.unpack_from("<Q", data, _COUNTS + 8)
    entries, size, at = b"", 0, _ENTRIES
    for _ in range(count):
        begin, at = at, _end_of_string(data, at)
        value, at = at + 4, _end_of_value(data, at)
        if data[begin + 8 : value - 4] in _TOKENIZER:
            entries += data[begin:at]
            size = size or struct.unpack_from("<Q", data, value + 4)[0]
    # What follows stands at multiples of 32 bytes, so it moves by one.
    key = struct.pack("<Q", 7) + b"padding" + struct.pack("<I", _STRING)
    room = -(len(entries) + len(key) + 8) % 32
    return entries + key + struct.pack("<Q", room) + bytes(room), size


def _end_of_value(data: bytes, at: int) -> int:
    """Return where a value ends that begins with its type."""
    (kind,) = struct.unpack_from("<I", data, at)
    if kind == _STRING:
        return _end_of_string(data, at + 4)
    if kind != _ARRAY:
        return at + 4 + _SIZES[kind]
    of, count = struct.unpack_from("<IQ", data, at + 4)
    if of != _STRING:
        return int(at + 16 + count * _SIZES[of])
    at += 16
    for _ in range(count):
        at = _end_of_string(data, at)
    return at


def _end_of_string(data: bytes, at: int) -> int:
    return int(at + 8 + struct.unpack_from("<Q", data, at)[0])


def _insert(path: Path, entries: bytes, count: int) -> None:
    """Put more entries before those of a GGUF file."""
    data = path.read_bytes()
    tensors, before = struct.unpack_from("<QQ", data, _COUNTS)
    head = data[:_COUNTS] + struct.pack("<QQ", tensors, before + count)
    path.write_bytes(head + entries + data[_ENTRIES:])


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
