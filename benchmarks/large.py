"""Writes a large GGUF file of random weights, in the format that llama.cpp repacks while it loads it."""

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

WIDTH, FORWARD, LAYERS, HEADS = 2048, 8192, 28, 16
"""1.1 GB of weights."""

_TOKENIZER = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges")
_FORMAT = gguf.GGMLQuantizationType.Q4_0
_BLOCK_WEIGHTS, _BLOCK_BYTES = gguf.GGML_QUANT_SIZES[_FORMAT]


def write_model(path: Path, like: Path) -> Path:
    """Write a model with the tokenizer of `like`."""
    fields = gguf.GGUFReader(like).fields
    tokens, types, merges = (fields[name].contents() for name in _TOKENIZER)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(2)
    random = np.random.default_rng(0)
    for name, shape in _shapes(len(tokens)).items():
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            writer.add_tensor(name, _blocks(random, *shape), raw_dtype=_FORMAT)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    square, wide, narrow = (WIDTH, WIDTH), (FORWARD, WIDTH), (WIDTH, FORWARD)
    block = {
        "attn_norm": (WIDTH,),
        "ffn_norm": (WIDTH,),
        **{f"attn_{part}": square for part in ("q", "k", "v", "output")},
        "ffn_gate": wide,
        "ffn_up": wide,
        "ffn_down": narrow,
    }
    layers = {f"blk.{layer}.{name}.weight": shape for layer in range(LAYERS) for name, shape in block.items()}
    return {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,), **layers}


def _blocks(random: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Return quantized weights: each block is a scale of 2 bytes and its weights, of half a byte each."""
    blocks = random.integers(0, 256, (rows, columns // _BLOCK_WEIGHTS, _BLOCK_BYTES), dtype=np.uint8)
    blocks[..., :2] = np.frombuffer(np.float16(0.01).tobytes(), np.uint8)
    return blocks.reshape(rows, -1)
