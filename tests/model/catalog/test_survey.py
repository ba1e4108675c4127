"""What headers tell of a model: kind, weights, and the memory of its context."""

import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest
import tiny

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog.survey import survey_file, survey_folder

QWEN2_7B = {"num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "hidden_size": 3584}
QWEN1_7B = {"num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096, "kv_channels": 128}
HYBRID = {
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "layer_types": [*["linear_attention"] * 3, "full_attention"] * 12,
}


def write_folder(folder: Path, config: dict[str, Any], *, numbers: int = 8) -> Path:
    """Write a checkpoint of one tensor, which only its headers are read of."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", **config}))
    (folder / "tokenizer.json").write_text("{}")
    entry = {"dtype": "BF16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}
    header = json.dumps({"weight": entry}).encode()
    weights = pack("<Q", len(header)) + header + bytes(2 * numbers)
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.mark.parametrize(
    ("config", "least"),
    [
        (QWEN2_7B, 57_344),
        (QWEN1_7B, 524_288),
        (HYBRID, 24_576),
        ({"text_config": QWEN2_7B}, 57_344),
        ({"num_hidden_layers": 28}, None),
        ({**QWEN2_7B, "num_hidden_layers": "many"}, None),
    ],
)
def test_bytes_of_a_token_of_context(tmp_path: Path, config: dict[str, Any], least: int | None) -> None:
    found = survey_folder(write_folder(tmp_path / "model", config))
    assert found.token_bytes == (None if least is None else (least, 2 * least))


def test_a_checkpoint(tmp_path: Path) -> None:
    config = {**QWEN2_7B, "dtype": "bfloat16", "max_position_embeddings": 32768}
    folder = write_folder(tmp_path / "model", config, numbers=1000)
    found = survey_folder(folder)
    assert (found.kind, found.parameters, found.context_length) == ("safetensors bfloat16", 1000, 32768)
    assert found.file_bytes == (folder / "model.safetensors").stat().st_size
    assert found.memory(10) == (2000 + 573_440, 4000 + 1_146_880)


def test_the_demo_model(model_path: Path) -> None:
    found = survey_file(model_path)
    assert (found.kind, found.parameters, found.context_length) == ("GGUF Q4_1", 134_515_008, 8192)
    assert found.token_bytes == (23_040, 23_040)
    assert found.memory(8192) == (98_362_432 + 8192 * 23_040,) * 2


def test_a_file_that_does_not_name_its_type_is_of_that_of_most_weights(
    tmp_path: Path, model_path: Path
) -> None:
    found = survey_file(tiny.write_model(tmp_path / "a.gguf", model_path, None, context=256))
    assert (found.kind, found.context_length) == ("GGUF F16", 256)
    assert found.token_bytes == (256, 256)
    assert found.parameters == 49152 * 64 + 3 * 64 + 4 * 64 * 64 + 3 * 64 * 128


def test_faults(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelLoadError, match="cut short"):
        survey_file(tmp_path / "a.gguf")
    with pytest.raises(ModelLoadError, match="cannot read"):
        survey_folder(tmp_path / "nowhere")
