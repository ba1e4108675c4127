"""Converts GPTQ checkpoints of first-generation Qwen: splits the packed q-k-v matrix, and joins it again.

A packed matrix of `in` x `out` weights is `qweight` int32 [in * bits / 32, out], `qzeros` int32
[groups, out * bits / 32], `scales` [groups, out] and `g_idx` int32 [in], which holds the group of each row.
"""

import torch
from safetensors import safe_open
from transformers.core_model_loading import Chunk, ConversionOps, WeightConverter

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.checkpoint import CheckpointInfo

_PARTS = tuple(f".self_attn.{part}_proj" for part in "qkv")
_WITHOUT_BIAS = (".attn.c_proj.bias", ".mlp.w1.bias", ".mlp.w2.bias", ".mlp.c_proj.bias")


class _Duplicate(ConversionOps):
    """Gives each part a copy of the same tensor; saving, which has one target, writes one of them."""

    @torch.no_grad()
    def convert(  # type: ignore[override]
        self,
        input_dict: dict[str, torch.Tensor],
        source_patterns: list[str],  # noqa: ARG002
        target_patterns: list[str],
        **_: object,
    ) -> dict[str, torch.Tensor]:
        """Return a copy of the one tensor for each target name."""
        return {target: _first_tensor(input_dict).clone() for target in target_patterns}

    @property
    def reverse_op(self) -> ConversionOps:
        """The operation that is applied when the model is saved."""
        return self


def conversion() -> list[WeightConverter]:
    """Return the converters for packed tensors; `weights.py` has those for plain ones."""
    return [
        *(_converter(kind, Chunk(dim=1)) for kind in ("qweight", "qzeros", "scales")),
        _converter("g_idx", _Duplicate()),
    ]


def check_biases(info: CheckpointInfo) -> None:
    """Check that biases which packing added to layers without one are zero, since they are left out.

    Raises: ModelLoadError.
    """
    if info.model_type != "qwen" or not info.config.get("no_bias", True):
        return
    for shard in sorted(info.folder.glob("*.safetensors")):
        with safe_open(shard, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                if name.endswith(_WITHOUT_BIAS) and file.get_tensor(name).any():
                    raise ModelLoadError(
                        f"{shard} has a bias that config.json rules out ({name}): fetch the checkpoint again"
                    )


def _converter(kind: str, operation: ConversionOps) -> WeightConverter:
    return WeightConverter(rf"\.attn\.c_attn\.{kind}", [f"{part}.{kind}" for part in _PARTS], [operation])


def _first_tensor(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    found: torch.Tensor | list[torch.Tensor] = next(iter(tensors.values()))
    return found[0] if isinstance(found, list) else found
