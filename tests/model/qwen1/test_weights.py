"""Checkpoints of the original layout are loaded without their code, and saved as they were."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from tiny_qwen1 import FOLDER, Model, load, prompt

from qwen_chat.model.qwen1 import register

Layout = dict[str, tuple[str, tuple[int, ...], bytes]]


def layout(*files: Path) -> Layout:
    """Return type, shape and bytes of every tensor, by name."""
    tensors = {name: tensor for file in files for name, tensor in load_file(file).items()}
    return {name: (str(tensor.dtype), tensor.shape, tensor.tobytes()) for name, tensor in tensors.items()}


ORIGINAL = layout(FOLDER / "model.safetensors")


def test_nothing_is_missing_and_nothing_left_over() -> None:
    _, report = load(output_loading_info=True)
    assert {kind: found for kind, found in report.items() if found} == {}


def test_saving_restores_the_original_layout(tmp_path: Path) -> None:
    load(dtype="auto").save_pretrained(tmp_path)
    assert len(ORIGINAL) == 19
    assert layout(tmp_path / "model.safetensors") == ORIGINAL


def test_saving_in_parts_restores_the_original_layout(tmp_path: Path) -> None:
    import torch

    load(dtype="auto").save_pretrained(tmp_path, max_shard_size="20KB")
    parts = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(parts) > 1
    assert layout(*parts) == ORIGINAL
    assert torch.equal(load(tmp_path)(prompt(20)).logits, load()(prompt(20)).logits)


def test_a_model_that_was_never_loaded_is_saved_in_the_original_layout(tmp_path: Path) -> None:
    import torch

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel

    register()
    model: Model = QWenLMHeadModel(QWenConfig.from_pretrained(FOLDER))
    model.half().save_pretrained(tmp_path)
    saved = layout(tmp_path / "model.safetensors")
    assert {name: shape for name, (_, shape, _) in saved.items()} == {
        name: shape for name, (_, shape, _) in ORIGINAL.items()
    }
    # The joint matrix holds the queries' rows first, then the keys', then the values'.
    attention = model.model.layers[1].self_attn
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        joint = file.get_tensor("transformer.h.1.attn.c_attn.weight")
    parts = (attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight)
    assert torch.equal(joint, torch.cat(parts))


def test_training_changes_what_is_saved(tmp_path: Path) -> None:
    import torch

    model = load()
    with torch.no_grad():
        model.model.layers[0].mlp.gate_proj.weight.add_(1)
    model.half().save_pretrained(tmp_path)
    saved = layout(tmp_path / "model.safetensors")
    assert {name for name in saved if saved[name] != ORIGINAL[name]} == {"transformer.h.0.mlp.w2.weight"}


def test_pickled_weights_are_loaded(tmp_path: Path) -> None:
    import torch

    shutil.copy(FOLDER / "config.json", tmp_path)
    with safe_open(FOLDER / "model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    assert torch.equal(load(tmp_path)(prompt(20)).logits, load()(prompt(20)).logits)


@pytest.mark.parametrize("trust", [None, False, True])
def test_code_in_the_checkpoint_is_not_run(tmp_path: Path, trust: bool | None) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel

    register()
    folder, canary = tmp_path / "checkpoint", tmp_path / "canary"
    shutil.copytree(FOLDER, folder)
    code = f"open({str(canary)!r}, 'w').close()\nclass QWenConfig: ...\nclass QWenLMHeadModel: ...\n"
    named = json.loads((folder / "config.json").read_text())["auto_map"].values()
    files = {folder / f"{name.split('.')[0]}.py" for name in named}
    assert len(files) == 2
    for file in files:
        file.write_text(code)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
    model: Model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=trust)
    assert type(config) is QWenConfig
    assert type(model) is QWenLMHeadModel
    assert not canary.exists()
    runpy.run_path(str(files.pop()))
    assert canary.exists()


def test_layers_may_lie_on_disk(tmp_path: Path) -> None:
    import torch
    from transformers import DynamicCache

    names = (
        "model.embed_tokens",
        "model.dropout",
        "model.layers.0",
        "model.layers.1",
        "model.norm",
        "lm_head",
    )
    places = {name: "cpu" if name in ("model.layers.0", "lm_head") else "disk" for name in names}
    model = load(device_map=places, offload_folder=tmp_path)
    assert model.model.layers[1].mlp.up_proj.weight.device.type == "meta"
    assert any(tmp_path.iterdir())
    ids = prompt(40)
    with torch.no_grad():
        assert torch.equal(model(ids).logits, load()(ids).logits)
    cache = DynamicCache(config=model.config)
    model.begin_cache(cache, 40)
    written = model.generate(ids, past_key_values=cache, max_new_tokens=5, do_sample=False)
    assert torch.equal(written, load().generate(ids, max_new_tokens=5, do_sample=False))


def test_places_are_found_on_their_own(tmp_path: Path) -> None:
    import torch

    model = load(device_map="auto", max_memory={"cpu": 65_000}, offload_folder=tmp_path)
    assert {"cpu", "disk"} == set(model.hf_device_map.values())
    with torch.no_grad():
        assert torch.equal(model(prompt(20)).logits, load()(prompt(20)).logits)


def test_an_empty_model_can_be_planned() -> None:
    from accelerate import infer_auto_device_map, init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM

    register()
    with init_empty_weights():
        model: Model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(FOLDER))
    tensors = [*model.parameters(), *model.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    every = sum(tensor.nbytes for tensor in tensors)
    plans = [
        infer_auto_device_map(
            model, {"cpu": room, "disk": 10**9}, no_split_module_classes=model._no_split_modules
        )
        for room in range(0, every * 2, every // 20)
    ]
    assert any({plan.get("model.layers.0"), plan.get("model.layers.1")} == {"cpu", "disk"} for plan in plans)
    assert not [name for plan in plans for name in plan if re.match(r"model\.layers\.\d+\.", name)]


def test_registering_again_changes_nothing() -> None:
    import torch

    register()
    register()
    assert torch.equal(load()(prompt(20)).logits, load()(prompt(20)).logits)


def test_the_package_is_light_until_it_registers() -> None:
    code = "import sys, qwen_chat.model.qwen1; print({'torch', 'transformers', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
