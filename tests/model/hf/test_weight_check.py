"""A checkpoint whose weights are not those that its config describes is refused: nothing is made up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
import tiny_hf

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    import torch

Weights: TypeAlias = "dict[str, torch.Tensor]"
Change: TypeAlias = "Callable[[Weights], Weights]"

PREFIXES = {
    "_orig_mod.": "saved from torch.compile",
    "module.": "saved from DataParallel",
    "base_model.model.": "saved from PEFT",
    "my.wrapper.": "saved within another module",
}
UP = "model.layers.1.mlp.up_proj"


def answer(folder: Path, strip_prefix: str | None = None) -> str:
    from qwen_chat.model.hf.engine import TransformersModel

    model = TransformersModel(
        read_checkpoint(folder),
        "tiny",
        TransformersOptions(dtype="float32", threads=1, strip_prefix=strip_prefix),
    )
    params = SamplingParams(temperature=0, max_new_tokens=16)
    text = "".join(delta.text for delta in model.stream([Message("user", "Tell me a story.")], params))
    model.close()
    return text


def change(folder: Path, weights: "Change | None" = None, **config: object) -> Path:
    """Change what was written, and return the folder."""
    from safetensors.torch import load_file, save_file

    if weights is not None:
        file = folder / "model.safetensors"
        save_file(weights(load_file(file)), file, {"format": "pt"})
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return folder


def fault(folder: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        answer(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{folder} does not have the weights that its config.json describes: ")
    return text


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_named_and_left_out_when_asked(tmp_path: Path, prefix: str) -> None:
    folder = tiny_hf.write_checkpoint(tmp_path)
    expected = answer(folder)
    change(folder, lambda weights: {prefix + name: weight for name, weight in weights.items()})
    assert fault(folder).endswith(
        f"its names begin with {prefix}, {PREFIXES[prefix]}: give --strip-prefix {prefix}"
    )
    assert answer(folder, strip_prefix=prefix) == expected


def without(name: str) -> Change:
    return lambda weights: {key: weight for key, weight in weights.items() if not key.startswith(name)}


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3", "llama"])
def test_a_missing_output_is_named(tmp_path: Path, model_type: str) -> None:
    folder = change(tiny_hf.write_checkpoint(tmp_path, model_type=model_type), without("lm_head"))
    said = fault(folder)
    assert "1 missing (lm_head.weight)" in said
    assert said.endswith("set tie_word_embeddings to true in config.json")
    change(folder, tie_word_embeddings=True)
    answer(folder)


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    said = fault(change(tiny_hf.write_checkpoint(tmp_path), without("model.layers.1.")))
    assert "missing (model.layers.1." in said
    assert ", ...)" in said


def test_a_single_missing_weight_is_named(tmp_path: Path) -> None:
    assert f"1 missing ({UP}.weight)" in fault(change(tiny_hf.write_checkpoint(tmp_path), without(UP)))


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3"])
def test_layers_that_the_config_does_not_count_are_named(tmp_path: Path, model_type: str) -> None:
    folder = tiny_hf.write_checkpoint(tmp_path, model_type=model_type)
    said = fault(change(folder, num_hidden_layers=1, layer_types=["full_attention"]))
    assert "more than it describes (model.layers.1." in said


def test_another_shape_is_named(tmp_path: Path) -> None:
    def halve(weights: Weights) -> Weights:
        return {**weights, f"{UP}.weight": weights[f"{UP}.weight"][:32].contiguous()}

    folder = change(tiny_hf.write_checkpoint(tmp_path), halve)
    assert f"1 of another shape ({UP}.weight 32x32 for 64x32)" in fault(folder)


def test_weights_packed_in_an_unknown_way_are_named(tmp_path: Path) -> None:
    import torch

    def pack(weights: Weights) -> Weights:
        packed = weights.pop(f"{UP}.weight").to(torch.int8)
        return {**weights, f"{UP}.weight_packed": packed, f"{UP}.weight_scale": torch.ones(64, 1)}

    said = fault(change(tiny_hf.write_checkpoint(tmp_path), pack))
    assert f"1 missing ({UP}.weight)" in said
    assert "its weights are packed in a way that its quantization_config does not tell" in said


def test_lora_weights_are_named(tmp_path: Path) -> None:
    def adapt(weights: Weights) -> Weights:
        base = weights.pop(f"{UP}.weight")
        pair = {
            f"{UP}.lora_A.default.weight": base[:4].clone(),
            f"{UP}.lora_B.default.weight": base[:, :4].clone(),
        }
        named = {**weights, f"{UP}.base_layer.weight": base, **pair}
        return {f"base_model.model.{name}": weight.contiguous() for name, weight in named.items()}

    assert "save what PEFT's merge_and_unload returns" in fault(
        change(tiny_hf.write_checkpoint(tmp_path), adapt)
    )


def test_parts_that_the_model_does_not_have_are_no_fault(tmp_path: Path) -> None:
    import torch

    folder = tiny_hf.write_checkpoint(tmp_path)
    expected = answer(folder)
    tower = {"visual.blocks.0.weight": torch.ones(2, 2), "mtp.norm.weight": torch.ones(2)}
    assert answer(change(folder, lambda weights: {**weights, **tower})) == expected
