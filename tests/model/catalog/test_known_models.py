"""The catalogue of models by name: every entry can be right, and every name finds one."""

import re
from itertools import chain
from pathlib import Path

import pytest

from qwen_chat import i18n
from qwen_chat.errors import ModelLoadError
from qwen_chat.files.validation import InvalidValueError
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.known_models import (
    FILE,
    KnownModel,
    Variant,
    find_known,
    known_models,
    known_variants,
    suggest_names,
)

BITS = {"q4_1": (4.5, 7.0), "q4_k_m": (4.6, 8.3), "q8_0": (8.3, 11.3)}
"""Bits of a weight in files of each quantization; small models keep large tables of words more exactly."""

VARIANTS = list(known_variants())


@pytest.mark.parametrize("model", known_models(), ids=lambda model: model.name)
def test_an_entry_is_well_formed(model: KnownModel) -> None:
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) for name in model.names)
    assert model.active is None or model.active < model.parameters
    assert len({each.name for each in model.quantizations}) == len(model.quantizations)
    assert model.context % 1024 == 0
    assert 0 < len(model.purpose) < 70


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_sizes_fit_the_parameters(variant: Variant) -> None:
    least, most = BITS[variant.quantization.name]
    assert least <= variant.size * 8 / (variant.model.parameters * 1e9) <= most
    assert variant.memory(0) == variant.size
    # Between the least and the most that any of these models keeps of a token.
    assert 2**12 < variant.memory(1) - variant.size < 2**20


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_files_can_be_fetched(variant: Variant) -> None:
    repository, files = variant.quantization.repository, variant.quantization.files
    assert bool(repository) == bool(variant.model.hubs)
    assert not repository or re.fullmatch(r"[\w.-]+/[\w.-]+", repository)
    for file in files:
        assert re.fullmatch(r"[\w.-]+\.gguf", file.name)
        assert not file.sha256 or file.bytes
    if len(files) > 1:
        stem = files[0].name.partition("-00001-of-")[0]
        parts = [f"{stem}-{number:05}-of-{len(files):05}.gguf" for number in range(1, len(files) + 1)]
        assert [file.name for file in files] == parts


def test_names_and_files_are_unique() -> None:
    names = list(chain.from_iterable(model.names for model in known_models()))
    assert len(set(names)) == len(names)
    files = [file for each in VARIANTS for file in each.quantization.files]
    assert len({file.name for file in files}) == len(files)
    hashes = [file.sha256 for file in files if file.sha256]
    assert len(set(hashes)) == len(hashes)
    folders = [f"{each.model.name}-{each.quantization.name}" for each in VARIANTS]
    assert len(set(folders)) == len(folders)


def test_every_purpose_is_that_of_a_model() -> None:
    assert {f"purpose.{model.good_for}" for model in known_models()} == set(i18n.codes("purpose."))


@pytest.mark.parametrize("model", embedded.MODELS.values(), ids=lambda model: model.key)
def test_an_embedded_model_is_the_same_here(model: embedded.EmbeddedModel) -> None:
    found = find_known(model.key)
    assert found is not None
    assert found.name == model.key
    (file,) = found.quantization.files
    assert (file.name, file.bytes, file.sha256) == (model.file.name, model.file.size, model.file.sha256)
    assert found.model.context == model.context_length


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("qwen3-8b", "qwen3-8b"),
        ("qwen3:8b", "qwen3-8b"),
        ("Qwen3-8B", "qwen3-8b"),
        ("qwen3", "qwen3-8b"),
        ("qwen3-8b:q4_k_m", "qwen3-8b"),
        ("qwen3:8b-q8_0", "qwen3-8b:q8_0"),
        ("qwen3:8b:Q8_0", "qwen3-8b:q8_0"),
        ("qwen2.5:7b-instruct-q4_K_M", "qwen2.5-7b"),
        ("qwen2.5-coder:1.5b", "qwen2.5-coder-1.5b"),
    ],
)
def test_spellings(text: str, name: str) -> None:
    found = find_known(text)
    assert found is not None
    assert found.name == name
    assert find_known(found.name) == found


@pytest.mark.parametrize("text", ["", "qwen", "qwen3-8", "q8_0", "llama", "qwen3-8b.gguf", "a:b"])
def test_what_is_no_name(text: str) -> None:
    assert find_known(text) is None


def test_a_quantization_that_is_not_there() -> None:
    with pytest.raises(ModelLoadError) as refused:
        find_known("qwen3:8b:q3_k_s")
    assert str(refused.value) == (
        "qwen3-8b has no 'q3_k_s' here: take qwen3-8b:q4_k_m or qwen3-8b:q8_0; "
        "others are at -c Qwen/Qwen3-8B-GGUF:q3_k_s"
    )


def test_suggestions() -> None:
    assert suggest_names("quen3:8b")[0] == "qwen3-8b"
    assert suggest_names("qwen3-9b")[:2] == ["qwen3.5-9b", "qwen3-8b"]
    assert suggest_names("zebra") == []


def test_a_faulty_file_is_named(tmp_path: Path) -> None:
    faulty = tmp_path / "models.toml"
    faulty.write_text(FILE.read_text(encoding="utf-8").replace("kv_heads = 3", 'kv_heads = "3"', 1))
    with pytest.raises(InvalidValueError, match="kv_heads"):
        known_models(faulty)
