"""First-generation Qwen in NumPy and fp64, written from its formulae over the original's own tensor names."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[np.float64]


class Reference:
    """A checkpoint of the original layout, with entries of its config replaced by `changes`."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
        tensors = load_file(folder / "model.safetensors")
        self.weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}

    def logits(self, ids: Sequence[int], *, prompt: int | None = None, first: int = 0) -> Array:
        """Return the logits [tokens, vocabulary] of ids whose first `prompt` were read at once.

        The first id stands at position `first`.
        """
        hidden = self.weights["transformer.wte.weight"][list(ids)]
        positions = first + np.arange(len(ids))
        alpha = self.alpha(len(ids) if prompt is None else prompt)
        for number in range(self.config["num_hidden_layers"]):
            layer = f"transformer.h.{number}"
            normed = self.norm(hidden, f"{layer}.ln_1")
            hidden = hidden + self.attention(normed, f"{layer}.attn", positions, alpha)
            hidden = hidden + self.mlp(self.norm(hidden, f"{layer}.ln_2"), f"{layer}.mlp")
        return self.linear(self.norm(hidden, "transformer.ln_f"), "lm_head")

    def alpha(self, prompt: int) -> float:
        if not self.config["use_dynamic_ntk"]:
            return 1.0
        return max(1.0, 2.0 ** math.ceil(math.log2(prompt / self.config["seq_length"]) + 1) - 1)

    def linear(self, x: Array, name: str) -> Array:
        out: Array = x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", np.zeros(1))
        return out

    def norm(self, x: Array, name: str) -> Array:
        square = np.mean(x**2, axis=-1, keepdims=True) + self.config["layer_norm_epsilon"]
        normed: Array = x / np.sqrt(square) * self.weights[f"{name}.weight"]
        return normed

    def mlp(self, x: Array, name: str) -> Array:
        gate = self.linear(x, f"{name}.w2")
        return self.linear(self.linear(x, f"{name}.w1") * gate / (1 + np.exp(-gate)), f"{name}.c_proj")

    def attention(self, x: Array, name: str, positions: NDArray[np.int64], alpha: float) -> Array:
        heads, channels = self.config["num_attention_heads"], self.config["kv_channels"]
        joined = self.linear(x, f"{name}.c_attn").reshape(len(x), 3, heads, channels)
        query, key, value = joined.transpose(1, 2, 0, 3)
        query, key = self.rotate(query, positions, alpha), self.rotate(key, positions, alpha)
        if self.config["use_logn_attn"]:
            longer = np.log(positions + 1) / math.log(self.config["seq_length"])
            query = query * np.maximum(1, longer)[:, None]
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(channels)
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = shares / shares.sum(axis=-1, keepdims=True) @ value
        return self.linear(mixed.transpose(1, 0, 2).reshape(len(x), -1), f"{name}.c_proj")

    def rotate(self, x: Array, positions: NDArray[np.int64], alpha: float) -> Array:
        width = int(self.config["kv_channels"] * self.config["rotary_pct"])
        base = self.config["rotary_emb_base"] * alpha ** (width / (width - 2))
        angles = positions[:, None] / base ** (np.arange(0, width, 2) / width)
        # Channel i and channel i + width/2 are the two coordinates of one point, here a complex number.
        points = (x[..., : width // 2] + 1j * x[..., width // 2 : width]) * np.exp(1j * angles)
        return np.concatenate((points.real, points.imag, x[..., width:]), axis=-1)
