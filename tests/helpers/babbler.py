"""A model that writes any words: it opens at once and answers at once, for what needs no sense."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tokenizers.pre_tokenizers import ByteLevel

_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# fmt: off
_WORDS = (
    "the", "a", "fox", "crow", "tree", "cheese", "song", "voice", "bird", "day", "night", "river",
    "stone", "wood", "field", "house", "road", "hill", "cloud", "rain", "sees", "takes", "sings",
    "walks", "finds", "gives", "keeps", "tells", "hears", "knows", "and", "but", "then", "while",
    "under", "over", "beside", "with",
)
# fmt: on
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content }}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WIDTH, _HEADS, _FORWARD = 64, 2, 128
_NORMAL, _IS_CONTROL, _IS_ADDED = 1, 3, 4

_Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


def write_babbler(
    path: Path,
    *,
    context: int = 8192,
    template: str = TEMPLATE,
    added: tuple[str, ...] = (),
    control: tuple[str, ...] = _CONTROL,
    change: Callable[[gguf.GGUFWriter], object] = lambda _: None,
) -> Path:
    """Write a one-layer model of random weights that writes words and never ends by itself.

    llama.cpp finds the names of `added` tokens in every text; `change` adds further keys to the file.
    """
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("babbler")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    size = _add_tokenizer(writer, template, added, control)
    change(writer)
    for name, shape in _shapes(size).items():
        writer.add_tensor(name, _weights(name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(
    writer: gguf.GGUFWriter, template: str, added: tuple[str, ...], control: tuple[str, ...]
) -> int:
    letters = sorted(ByteLevel.alphabet())
    tokens = [*control, *added, *letters, *(f"Ġ{word}" for word in _WORDS)]
    normal = len(letters) + len(_WORDS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    types = [_IS_CONTROL] * len(control) + [_IS_ADDED] * len(added) + [_NORMAL] * normal
    writer.add_token_types(types)
    # The words have no merges: typed text is read byte by byte.
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template:
        writer.add_chat_template(template)
    return len(tokens)


def _shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    square = (_WIDTH, _WIDTH)
    return {
        "token_embd.weight": (vocabulary, _WIDTH),
        "output.weight": (vocabulary, _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "blk.0.attn_norm.weight": (_WIDTH,),
        **{f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")},
        "blk.0.ffn_norm.weight": (_WIDTH,),
        "blk.0.ffn_gate.weight": (_FORWARD, _WIDTH),
        "blk.0.ffn_up.weight": (_FORWARD, _WIDTH),
        "blk.0.ffn_down.weight": (_WIDTH, _FORWARD),
    }


def _weights(name: str, shape: tuple[int, ...]) -> _Array:
    if name.endswith("norm.weight"):
        return np.ones(shape, np.float32)
    if name == "token_embd.weight":
        return _embeddings(shape)
    if name == "output.weight":
        return _outputs(shape)
    return (0.1 * np.random.default_rng(len(name)).normal(size=shape)).astype(np.float16)


def _embeddings(shape: tuple[int, ...]) -> _Array:
    weights = np.random.default_rng(0).normal(size=shape)
    weights[:, 0] = 4
    return weights.astype(np.float16)


def _outputs(shape: tuple[int, ...]) -> _Array:
    """Return weights by which each word mostly follows the one before it in the list."""
    weights = np.zeros(shape)
    weights[:, 0] = -4
    words = np.arange(shape[0] - len(_WORDS), shape[0])
    weights[words] = 0.1 * _embeddings(shape)[np.roll(words, 1)]
    weights[words, 0] = 4
    return weights.astype(np.float16)
