"""A first-generation Qwen of two layers and 16 trained positions, with logits of the original code."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from places import DATA

from qwen_chat.model.qwen1 import register

if TYPE_CHECKING:
    import torch

FOLDER = DATA / "tiny-qwen1"
SEQ_LENGTH = 16

Model = Any
"""QWenLMHeadModel; transformers' own types know too little of what a model takes and gives."""


@cache
def expected() -> "dict[str, torch.Tensor]":
    """Return the logits of the original code, and the `ids` [1, 51] that it read."""
    from safetensors.torch import load_file

    return load_file(FOLDER / "expected.safetensors")


def load(folder: Path = FOLDER, **options: Any) -> Model:
    """Open a checkpoint as people do, in fp32 unless told otherwise."""
    import torch
    from transformers import AutoModelForCausalLM

    register()
    return AutoModelForCausalLM.from_pretrained(folder, **{"dtype": torch.float32, **options})


def prompt(tokens: int, seed: int = 0) -> "torch.Tensor":
    """Return random ids [1, tokens]."""
    import torch

    return torch.randint(0, 128, (1, tokens), generator=torch.Generator().manual_seed(seed))
