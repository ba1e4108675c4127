"""Reads the description of a transformers checkpoint and checks its folder, before an engine loads it.

Only small files and the headers of the weights are read; pickled weights are never opened.
"""

import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qwen_chat.errors import ModelLoadError
from qwen_chat.files.bounded_read import FileTooLargeError, read_bounded
from qwen_chat.files.json import parse_json
from qwen_chat.model.formats.safetensors import TensorInfo, read_tensors
from qwen_chat.model.formats.supported import check_file_names, find_config_fault, to_one_line

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

_CONFIG_BYTES = 1 << 23
_INDEX_BYTES = 1 << 25
_SHARD = re.compile(r"[\w.+-]+\.safetensors", re.ASCII)

_TOKENIZERS = (
    ("tokenizer.json",),
    ("vocab.json", "merges.txt"),
    ("tokenizer.model",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("vocab.txt",),
    ("tekken.json",),
)
_OTHER_TOKENIZERS = (".tiktoken", ".model")

# Tensors beside packed weights, such as scales, are not weights themselves.
_COMPANION_SUFFIXES = (
    *(".qzeros", ".scales", ".g_idx", ".SCB"),
    *("_scale", "_scale_2", "_scale_inv", "_scales", "_zero_point", "_shape", "_g_idx"),
)


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """The description of a model in a folder; parameters are counted in the headers of all shards."""

    folder: Path
    model_type: str
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    weight_bytes: int
    parameters: int
    quantization: str | None


def read_checkpoint(folder: Path) -> CheckpointInfo:
    """Read the configs and the headers of the weights, and check that the folder is complete.

    Raises: ModelLoadError.
    """
    try:
        names = {item.name for item in folder.iterdir()}
        check_file_names(str(folder), names, _read_base_model(folder, names))
        return _read_folder(folder, names)
    except OSError as fault:
        raise ModelLoadError(f"cannot read {fault.filename or folder}: {fault.strerror or fault}") from None


def _read_folder(folder: Path, names: set[str]) -> CheckpointInfo:
    config = _read_json_object(folder / "config.json")
    if fault := find_config_fault(config):
        raise ModelLoadError(f"{folder / 'config.json'} {fault}")
    shards = _find_shards(folder, names, config)
    method, bits = _read_quantization(config)
    parameters = sum(_count_weights(tensor, bits) for shard in shards for tensor in read_tensors(shard))
    if not parameters:
        raise ModelLoadError(f"{shards[0]} has no weights: fetch it again")
    _check_tokenizer(folder, names, config["model_type"])
    generation = folder / "generation_config.json"
    return CheckpointInfo(
        folder=folder,
        model_type=config["model_type"],
        config=config,
        generation=_read_json_object(generation) if generation.name in names else {},
        weight_bytes=sum(shard.stat().st_size for shard in shards),
        parameters=parameters,
        quantization=method,
    )


def _read_base_model(folder: Path, names: set[str]) -> str | None:
    if "adapter_config.json" not in names:
        return None
    base = _read_json_object(folder / "adapter_config.json").get("base_model_name_or_path")
    return to_one_line(base) if isinstance(base, str) else None


def _check_file(path: Path) -> bytes:
    """Check that a file exists and is not empty, and return its first 64 bytes."""
    if not path.exists():
        raise ModelLoadError(f"{path} is missing: fetch it again")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ModelLoadError(f"{path} is not a file: fetch it again")
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise ModelLoadError(f"{path} is empty: fetch it again")
    if start.startswith(b"version https://git-lfs"):
        raise ModelLoadError(f"{path} is only a git-lfs pointer: run `git lfs pull` in its folder")
    return start


def _read_json_object(path: Path, limit: int = _CONFIG_BYTES) -> dict[str, Any]:
    _check_file(path)
    try:
        value = parse_json(read_bounded(path, limit))
    except FileTooLargeError:
        raise ModelLoadError(f"{path} is far too large for what it should be: fetch it again") from None
    except ValueError:
        raise ModelLoadError(f"{path} is not JSON, or cut short: fetch it again") from None
    if not isinstance(value, dict):
        raise ModelLoadError(f"{path} is not a JSON object: fetch it again")
    return value


def _find_shards(folder: Path, names: set[str], config: Mapping[str, Any]) -> list[Path]:
    """Return the files of the weights, chosen by the rules of transformers."""
    named = config.get("transformers_weights")
    first = named if isinstance(named, str) else WEIGHTS if WEIGHTS in names else INDEX
    if first.endswith(".json") and Path(first).name in names:
        return _read_index(folder / Path(first).name)
    if not _SHARD.fullmatch(first) or first not in names:
        there = min(name for name in names if name.endswith(".safetensors"))
        mend = f"fetch that too, or rename {to_one_line(there)} if it has all the weights"
        raise ModelLoadError(f"{folder} has neither {WEIGHTS} nor {INDEX}: {mend}")
    _check_file(folder / first)
    return [folder / first]


def _read_index(index: Path) -> list[Path]:
    placed = _read_json_object(index, _INDEX_BYTES).get("weight_map")
    shards = set(placed.values()) if isinstance(placed, dict) and _are_shard_names(placed.values()) else set()
    if not shards:
        raise ModelLoadError(f"{index} names no shards: fetch it again")
    files = [index.with_name(name) for name in sorted(shards)]
    if missing := [file for file in files if not file.exists()]:
        raise ModelLoadError(
            f"{missing[0]} is missing, with {len(missing)} of {len(files)} shards: fetch what is missing"
        )
    for file in files:
        _check_file(file)
    return files


def _are_shard_names(names: Iterable[object]) -> bool:
    return all(isinstance(name, str) and _SHARD.fullmatch(name) for name in names)


def _read_quantization(config: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the quantization method and the bits per weight: 4, the usual number, if the config has none."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict):
        return None, None
    method, bits = settings.get("quant_method"), settings.get("bits")
    if not isinstance(method, str):
        method = "bitsandbytes" if "load_in_4bit" in settings or "load_in_8bit" in settings else "unknown"
    return to_one_line(method), bits if isinstance(bits, int) and 1 < bits <= 8 else 4


def _count_weights(tensor: TensorInfo, bits: int | None) -> int:
    if bits is None:
        return tensor.numbers
    if tensor.name.endswith(_COMPANION_SUFFIXES) or ".weight." in tensor.name:
        return 0
    return tensor.size * 8 // bits if tensor.dtype in ("I32", "U8") else tensor.numbers


def _check_tokenizer(folder: Path, names: set[str], model_type: str) -> None:
    if model_type == "qwen":
        kinds: tuple[tuple[str, ...], ...] = (("qwen.tiktoken",), ("tokenizer.json",))
    else:
        others = sorted(name for name in names if name.endswith(_OTHER_TOKENIZERS))
        kinds = (*_TOKENIZERS, *((name,) for name in others))
    found = next((kind for kind in kinds if names.issuperset(kind)), None)
    if not found:
        wanted = "qwen.tiktoken" if model_type == "qwen" else "tokenizer.json"
        raise ModelLoadError(
            f"{folder} has no {wanted}: fetch this file from the model's page, into the folder"
        )
    for name in (*found, *({"tokenizer_config.json"} & names)):
        start = _check_file(folder / name)
        if name.endswith(".json") and not (
            start.lstrip().startswith(b"{") and _ends_like_json(folder / name)
        ):
            raise ModelLoadError(f"{folder / name} is not JSON, or cut short: fetch it again")


def _ends_like_json(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read(64).rstrip().endswith(b"}")
