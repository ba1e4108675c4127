"""GPTQ checkpoints of the first generation: what is packed here by the layout's definition means the same."""

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed import Tensors, quantized, scheme
from safetensors.numpy import load_file, save_file
from tiny_qwen1 import Model, prompt

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.hf.gptqmodel_import import prepare_gptqmodel
from qwen_chat.model.qwen1 import register

HIDDEN, MLP = 64, 128
SHAPE = {"hidden_size": HIDDEN, "intermediate_size": 2 * MLP, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 2, "kv_channels": 32, "vocab_size": 128, "seq_length": 16}
CONFIG = {
    "model_type": "qwen",
    "architectures": ["QWenLMHeadModel"],
    "layer_norm_epsilon": 1e-6,
    **SHAPE,
    **HEADS,
}
LAYERS = {
    "attn.c_attn": (HIDDEN, 3 * HIDDEN),
    "attn.c_proj": (HIDDEN, HIDDEN),
    "mlp.w1": (HIDDEN, MLP),
    "mlp.w2": (HIDDEN, MLP),
    "mlp.c_proj": (MLP, HIDDEN),
}
"""Inputs and outputs of what is packed."""

# gptqmodel leaves the folder that it makes for each model to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_for_later_tests() -> Iterator[None]:
    yield
    gc.collect()


def tensors(bits: int, *, shuffled: bool) -> tuple[Tensors, Tensors]:
    """Return a checkpoint in the original layout, packed, and the same one with plain weights."""
    rng = np.random.default_rng(7)
    wide: Tensors = {
        "transformer.wte.weight": rng.normal(0, 1, (128, HIDDEN)),
        "lm_head.weight": rng.normal(0, 0.3, (128, HIDDEN)),
        "transformer.ln_f.weight": rng.normal(1, 0.1, HIDDEN),
    }
    for layer in range(2):
        for norm in ("ln_1", "ln_2"):
            wide[f"transformer.h.{layer}.{norm}.weight"] = rng.normal(1, 0.1, HIDDEN)
        wide[f"transformer.h.{layer}.attn.c_attn.bias"] = rng.normal(0, 0.3, 3 * HIDDEN)
    small = {name: tensor.astype(np.float16) for name, tensor in wide.items()}
    plain = {name: tensor.astype(np.float32) for name, tensor in small.items()}
    for layer in range(2):
        for name, (inputs, outputs) in LAYERS.items():
            key = f"transformer.h.{layer}.{name}"
            parts, plain[f"{key}.weight"] = quantized(rng, inputs, outputs, bits, shuffled=shuffled)
            small |= {f"{key}.{kind}": tensor for kind, tensor in parts.items()}
            small.setdefault(f"{key}.bias", np.zeros(outputs, np.float16))
    return small, plain


def write(folder: Path, weights: Tensors, **more: Any) -> Path:
    folder.mkdir()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG | more))
    return folder


def load(folder: Path, **options: Any) -> Any:
    import torch

    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel

    register()
    prepare_gptqmodel()
    model: Model = QWenLMHeadModel.from_pretrained(folder, dtype=torch.float32, device_map="cpu", **options)
    return model


@pytest.mark.parametrize(("bits", "shuffled"), [(4, False), (4, True), (8, False)])
def test_packed_weights_mean_what_they_were_packed_from(tmp_path: Path, bits: int, shuffled: bool) -> None:
    import torch

    small, plain = tensors(bits, shuffled=shuffled)
    folder = write(tmp_path / "small", small, **scheme(bits, shuffled=shuffled))
    model, report = load(folder, output_loading_info=True)
    assert not report["missing_keys"]
    surplus = re.compile(r"model\.layers\.\d\.(self_attn\.o|mlp\.(gate|up|down))_proj\.bias")
    assert all(surplus.fullmatch(name) for name in report["unexpected_keys"])
    dense = load(write(tmp_path / "plain", plain))
    with torch.no_grad():
        theirs, ours = dense(prompt(24)).logits, model(prompt(24)).logits
    assert theirs.std() > 1
    assert (theirs - ours).abs().max() < 0.02 * theirs.std()


def test_saving_restores_the_original_layout(tmp_path: Path) -> None:
    from qwen_chat.model.qwen1 import packed

    small, _ = tensors(4, shuffled=False)
    folder = write(tmp_path / "small", small, **scheme(4, shuffled=False))
    load(folder).save_pretrained(tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")
    # Biases that packing added, all zero, are left out.
    kept = {name for name in small if not name.endswith(packed._WITHOUT_BIAS)}
    assert set(again) == kept
    for name in kept:
        # In memory, gptqmodel keeps the zero points themselves, and saves them so.
        kept_apart = 0x11111111 if name.endswith("qzeros") else 0
        assert again[name].dtype == (np.float32 if name.endswith(".weight") else small[name].dtype)
        assert np.array_equal(
            again[name].astype(np.int64) if kept_apart else again[name], small[name] + kept_apart
        )


def test_a_bias_that_is_not_to_be_there_is_refused(tmp_path: Path) -> None:
    from qwen_chat.model.qwen1 import packed

    small, _ = tensors(4, shuffled=False)
    small["transformer.h.1.mlp.w2.bias"][3] = 0.5
    folder = write(tmp_path / "small", small)
    info = CheckpointInfo(folder, "qwen", CONFIG, {}, 0, 0, "gptq")
    with pytest.raises(ModelLoadError, match=r"model.safetensors has a bias .*h\.1\.mlp\.w2\.bias"):
        packed.check_biases(info)


def test_zero_biases_are_nothing_to_refuse(tmp_path: Path) -> None:
    from qwen_chat.model.qwen1 import packed

    small, _ = tensors(4, shuffled=False)
    folder = write(tmp_path / "small", small)
    packed.check_biases(CheckpointInfo(folder, "qwen", CONFIG, {}, 0, 0, "gptq"))
