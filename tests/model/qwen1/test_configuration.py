"""The config of the original is read by its own names, and relatives are told apart."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_qwen1 import FOLDER

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.qwen1 import register

ORIGINAL: dict[str, Any] = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))


def folder_with(tmp_path: Path, entries: dict[str, Any]) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(entries), encoding="utf-8")
    return tmp_path


def test_every_entry_is_kept_but_the_code(tmp_path: Path) -> None:
    from transformers import AutoConfig

    register()
    flags = {
        "bf16": True,
        "use_flash_attn": "auto",
        "use_cache_quantization": True,
        "an_entry_of_tomorrow": [1],
    }
    entries = ORIGINAL | flags
    AutoConfig.from_pretrained(folder_with(tmp_path, entries)).save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    entries.pop("auto_map")
    assert {name: saved.get(name) for name in entries} == entries
    assert "auto_map" not in saved


def test_saving_a_model_names_no_code(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    register()
    AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert "auto_map" not in saved
    assert saved["architectures"] == ["QWenLMHeadModel"]
    assert saved["model_type"] == "qwen"
    assert not list(tmp_path.glob("*.py"))


def test_the_first_names_mean_the_same(tmp_path: Path) -> None:
    from transformers import AutoConfig

    register()
    first = {
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "intermediate_size": "ffn_hidden_size",
        "max_position_embeddings": "n_positions",
    }
    entries = {first.get(name, name): value for name, value in ORIGINAL.items()}
    assert not entries.keys() & first.keys()
    old = AutoConfig.from_pretrained(folder_with(tmp_path, entries))
    new = AutoConfig.from_pretrained(FOLDER)
    assert old.to_diff_dict() == new.to_diff_dict()
    assert {name: getattr(old, name) for name in first.values()} == {
        name: ORIGINAL[today] for today, name in first.items()
    }


def test_names_that_transformers_knows() -> None:
    from qwen_chat.model.qwen1.configuration import QWenConfig

    config = QWenConfig(layer_norm_epsilon=1e-5, attn_dropout_prob=0.25)
    assert config.rms_norm_eps == 1e-5
    assert config.attention_dropout == 0.25
    assert config.head_dim == 128
    assert config.num_key_value_heads == 32


@pytest.mark.parametrize(("sense", "name"), [("visual", "Qwen-VL"), ("audio", "Qwen-Audio")])
def test_relatives_with_other_senses_are_refused(tmp_path: Path, sense: str, name: str) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    register()
    folder = folder_with(tmp_path, ORIGINAL | {sense: {"width": 1664}})
    for auto in (AutoConfig, AutoModelForCausalLM):
        with pytest.raises(
            ModelLoadError, match=f"^this is {name}, .*: use the text model, such as Qwen/"
        ) as fault:
            auto.from_pretrained(folder)
        assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"kv_channels": 32}, "2 heads of 32 channels do not make hidden_size 32"),
        ({"num_attention_heads": 3}, "3 heads of 16 channels do not make hidden_size 32"),
        ({"rotary_pct": 0.2}, "rotary_pct 0.2 of 16 channels cannot be rotated in pairs"),
        ({"rotary_pct": 0.35}, "rotary_pct 0.35 of 16"),
        ({"rotary_pct": 2.0}, "rotary_pct 2.0 of 16"),
        ({"seq_length": 1}, "seq_length 1 is no length to train at"),
    ],
    ids=str,
)
def test_a_config_at_odds_with_itself_is_refused(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    from transformers import AutoConfig

    register()
    with pytest.raises(
        ModelLoadError, match=f"^config.json is at odds with itself, {fault}.*: fetch it again$"
    ):
        AutoConfig.from_pretrained(folder_with(tmp_path, ORIGINAL | change))
