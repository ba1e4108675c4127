"""Converts the original checkpoint's tensors to the model's, and back when it is saved."""

from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import Chunk, WeightConverter, WeightRenaming

from qwen_chat.model.qwen1 import packed
from qwen_chat.model.qwen1.configuration import QWenConfig

_NAMES = {
    r"^transformer\.wte\.": "model.embed_tokens.",
    r"^transformer\.h\.": "model.layers.",
    r"^transformer\.ln_f\.": "model.norm.",
    r"\.ln_1\.": ".input_layernorm.",
    r"\.ln_2\.": ".post_attention_layernorm.",
    r"\.attn\.c_proj\.": ".self_attn.o_proj.",
    # The original computes c_proj(w1(x) * silu(w2(x))): its first matrix is the one without the gate.
    r"\.mlp\.w1\.": ".mlp.up_proj.",
    r"\.mlp\.w2\.": ".mlp.gate_proj.",
    r"\.mlp\.c_proj\.": ".mlp.down_proj.",
}


def register_conversion() -> None:
    """Register the conversion with transformers, for loading and saving the original layout."""
    register_checkpoint_conversion_mapping(QWenConfig.model_type, conversion(), overwrite=True)


def conversion() -> list[WeightConverter | WeightRenaming]:
    """Return the conversion steps from the original layout, with one matrix for queries, keys, values."""
    renamings = [WeightRenaming(original, ours) for original, ours in _NAMES.items()]
    return [*renamings, _split("weight"), _split("bias"), *packed.conversion()]


def _split(kind: str) -> WeightConverter:
    parts = [f".self_attn.{part}_proj.{kind}" for part in "qkv"]
    return WeightConverter(rf"\.attn\.c_attn\.{kind}", parts, [Chunk(dim=0)])
