"""Contexts that are longer than those of training, as checkpoints write it and as people ask for it."""

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
import tiny_hf
from babbler import write_babbler

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.formats.generation_config import context_length
from qwen_chat.model.formats.gguf import read_info
from qwen_chat.model.formats.rope_scaling import RopeScaling, choose
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

YARN = {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}
NEWER = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768, "rope_theta": 1e6}


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"max_position_embeddings": 32768}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": None}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": YARN}, 131072),
        (
            {"max_position_embeddings": 40960, "rope_scaling": {**YARN, "type": None, "rope_type": "yarn"}},
            131072,
        ),
        ({"max_position_embeddings": 131072, "rope_scaling": YARN}, 131072),
        ({"max_position_embeddings": 163840, "rope_scaling": {**YARN, "factor": 2}}, 163840),
        ({"max_position_embeddings": 32768, "rope_parameters": NEWER}, 131072),
        (
            {"max_position_embeddings": 32768, "rope_parameters": {"full_attention": NEWER, "other": {}}},
            131072,
        ),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4}}, 16384),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, 8192),
        ({"max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 131072),
        ({"max_position_embeddings": 32768, "rope_scaling": {"type": "mrope", "mrope_section": [1]}}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": {**YARN, "factor": "4"}}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": {**YARN, "factor": float("nan")}}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": {**YARN, "factor": 1e9}}, 32768),
        ({"max_position_embeddings": 32768, "rope_scaling": "yarn"}, 32768),
        ({"text_config": {"max_position_embeddings": 32768, "rope_scaling": YARN}}, 131072),
        ({}, 4096),
    ],
)
def test_the_context_of_a_config(config: dict[str, Any], length: int) -> None:
    assert context_length({"model_type": "qwen2", **config}, {}) == length


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, None),
        ("none", None),
        ("yarn:4", RopeScaling("yarn", 4.0, 100)),
        ("YaRN:2.5", RopeScaling("yarn", 2.5, 100)),
        ("linear:2", RopeScaling("linear", 2.0, 100)),
    ],
)
def test_a_setting(setting: str | None, expected: RopeScaling | None) -> None:
    assert choose(setting, None, 100) == expected


@pytest.mark.parametrize(
    "setting", ["yarn", "4", "yarn:", "yarn:x", "yarn:0", "yarn:0.5", "yarn:9999", "ntk:2"]
)
def test_a_setting_that_is_none(setting: str) -> None:
    with pytest.raises(ModelLoadError, match=f"--rope-scaling {setting}: write it as yarn:FACTOR"):
        choose(setting, None, 100)


def stretched(writer: gguf.GGUFWriter) -> None:
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(4.0)
    writer.add_rope_scaling_orig_ctx_len(256)


def test_a_file_that_is_stretched(tmp_path: Path) -> None:
    path = write_babbler(tmp_path / "a.gguf", context=1024, change=stretched)
    info = read_info(path)
    assert (info.context_length, info.trained_length) == (1024, 256)
    model = LlamaCppModel(path, "a", LlamaCppOptions(ctx_size=0, threads=1, parallel=1))
    try:
        assert model.context_length == 1024
        assert model.notice == "YaRN, 4 times the 256 tokens of training"
        assert answer(model, "a" * 500)
    finally:
        model.close()


@pytest.mark.parametrize("setting", [None, "yarn:4"])
def test_a_file_that_limits_llamacpp_says_how_to_mend_it(tmp_path: Path, setting: str | None) -> None:
    change = stretched if setting is None else lambda _: None
    info = read_info(write_babbler(tmp_path / "a.gguf", context=256, change=change))
    with pytest.raises(ModelLoadError, match=r"gguf-set-metadata FILE llama\.context_length 1024"):
        LlamaCppOptions(ctx_size=1000, rope_scaling=setting).context(info)
    with pytest.raises(ModelLoadError, match="made for 256, use that or less"):
        LlamaCppOptions(ctx_size=2000, rope_scaling=setting).context(info)


def test_the_positions_of_a_file_are_stretched_on_request(tmp_path: Path) -> None:
    path = write_babbler(tmp_path / "a.gguf", context=256)
    said = []
    for setting in (None, "none", "yarn:4", "linear:4"):
        model = LlamaCppModel(path, "a", LlamaCppOptions(threads=1, parallel=1, rope_scaling=setting))
        said.append((model.notice, likeliest(model)))
        model.close()
    plain, none, yarn, linear = said
    assert plain == none
    assert plain[0] == ""
    assert yarn[0] == "YaRN, 4 times the 256 tokens of training"
    assert linear[0] == "linear scaling, 4 times the 256 tokens of training"
    assert len({str(each[1]) for each in said}) == 3  # positions are really others


def answer(model: LlamaCppModel, text: str) -> str:
    params = SamplingParams(temperature=0, max_new_tokens=4)
    return "".join(delta.text for delta in model.stream([Message("user", text)], params))


def likeliest(model: LlamaCppModel) -> list[float]:
    messages = [Message("user", "Hello there"), Message("assistant", "the fox")]
    return [round(each.probability, 9) for each in model.alternatives(messages, 3, 3)]


def test_a_checkpoint_is_stretched_by_its_config_and_on_request(tmp_path: Path) -> None:
    from qwen_chat.model.hf.engine import TransformersModel

    folder = tiny_hf.write_checkpoint(tmp_path / "a", max_position_embeddings=64)
    options = TransformersOptions(dtype="float32", threads=1, cpu_only=True)
    with pytest.raises(ModelLoadError, match="--ctx-size 200: this model was made for 64"):
        TransformersModel(read_checkpoint(folder), "a", TransformersOptions(ctx_size=200))
    asked = TransformersOptions(dtype="float32", threads=1, cpu_only=True, rope_scaling="yarn:4")
    written = folder / "config.json"
    config = json.loads(written.read_text())
    lengths, scores = [], []
    for kind, chosen in (("plain", options), ("asked", asked), ("own", options)):
        if kind == "own":
            config["rope_parameters"] |= {"rope_type": "yarn", "factor": 4.0}
            config["rope_parameters"]["original_max_position_embeddings"] = 64
            written.write_text(json.dumps(config))
        model = TransformersModel(read_checkpoint(folder), "a", chosen)
        lengths.append(model.context_length)
        messages = [Message("user", "Hello there"), Message("assistant", "abcd")]
        scores.append([round(each.probability, 6) for each in model.alternatives(messages, 3, 3)])
        assert ("YaRN, 4 times the 64 tokens" in model.notice) is (kind != "plain")
        model.close()
    assert lengths == [64, 256, 256]
    assert scores[0] != scores[1] == scores[2]
