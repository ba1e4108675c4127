"""A first-generation Qwen of two layers and 16 trained positions, with logits of the original code."""

from pathlib import Path
from typing import Any

import torch
from places import DATA
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from qwen_chat.model.qwen1 import register

FOLDER = DATA / "tiny-qwen1"
EXPECTED = load_file(FOLDER / "expected.safetensors")
IDS = EXPECTED["ids"]
"""[1, 51]"""

SEQ_LENGTH = 16

Model = Any
"""QWenLMHeadModel; transformers' own types know too little of what a model takes and gives."""


def load(folder: Path = FOLDER, **options: Any) -> Model:
    """Open a checkpoint as people do, in fp32 unless told otherwise."""
    register()
    return AutoModelForCausalLM.from_pretrained(folder, **{"dtype": torch.float32, **options})


def prompt(tokens: int, seed: int = 0) -> torch.Tensor:
    """Return random ids [1, tokens]."""
    return torch.randint(0, 128, (1, tokens), generator=torch.Generator().manual_seed(seed))
