"""What a transformers checkpoint says of itself, and whether its folder is whole, before an engine tries.

Only small files and the headers of the weights are read; pickled weights are never opened.
"""

import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.safetensors import Tensor, tensors
from qwen_chat.model.formats.supported import one_line, refuse, unsuitable

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

# What stands beside packed weights: their scales and the like, which are no weights themselves.
_COMPANIONS = (
    *(".qzeros", ".scales", ".g_idx", ".SCB"),
    *("_scale", "_scale_2", "_scale_inv", "_scales", "_zero_point", "_shape", "_g_idx"),
)


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What the folder says of the model; the weights are counted by the headers of all its shards."""

    folder: Path
    model_type: str
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    weight_bytes: int
    parameters: int
    quantization: str | None


def read_checkpoint(folder: Path) -> CheckpointInfo:
    """Read the configs and the headers of the weights, and check that the folder has all that it needs.

    Raises: ModelLoadError with one line for each fault.
    """
    try:
        names = {item.name for item in folder.iterdir()}
        refuse(str(folder), names, _base_model(folder, names))
        return _read(folder, names)
    except OSError as fault:
        raise ModelLoadError(f"cannot read {fault.filename or folder}: {fault.strerror or fault}") from None


def _read(folder: Path, names: set[str]) -> CheckpointInfo:
    config = _json_object(folder / "config.json")
    if fault := unsuitable(config):
        raise ModelLoadError(f"{folder / 'config.json'} {fault}")
    shards = _shards(folder, names, config)
    method, bits = _quantization(config)
    parameters = sum(_weights(tensor, bits) for shard in shards for tensor in tensors(shard))
    if not parameters:
        raise ModelLoadError(f"{shards[0]} has no weights: fetch it again")
    _check_tokenizer(folder, names, config["model_type"])
    generation = folder / "generation_config.json"
    return CheckpointInfo(
        folder=folder,
        model_type=config["model_type"],
        config=config,
        generation=_json_object(generation) if generation.name in names else {},
        weight_bytes=sum(shard.stat().st_size for shard in shards),
        parameters=parameters,
        quantization=method,
    )


def _base_model(folder: Path, names: set[str]) -> str | None:
    if "adapter_config.json" not in names:
        return None
    base = _json_object(folder / "adapter_config.json").get("base_model_name_or_path")
    return one_line(base) if isinstance(base, str) else None


def _check_file(path: Path) -> bytes:
    """Return the first bytes of a file that is here, with something in it."""
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


def _json_object(path: Path, limit: int = _CONFIG_BYTES) -> dict[str, Any]:
    _check_file(path)
    if path.stat().st_size > limit:
        raise ModelLoadError(f"{path} is far too large for what it should be: fetch it again")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ModelLoadError(f"{path} is not JSON, or cut short: fetch it again") from None
    if not isinstance(value, dict):
        raise ModelLoadError(f"{path} is not a JSON object: fetch it again")
    return value


def _shards(folder: Path, names: set[str], config: Mapping[str, Any]) -> list[Path]:
    """Return the files of the weights, as transformers finds them."""
    named = config.get("transformers_weights")
    first = named if isinstance(named, str) else WEIGHTS if WEIGHTS in names else INDEX
    if first.endswith(".json") and Path(first).name in names:
        return _indexed(folder / Path(first).name)
    if not _SHARD.fullmatch(first) or first not in names:
        there = min(name for name in names if name.endswith(".safetensors"))
        mend = f"fetch that too, or rename {one_line(there)} if it has all the weights"
        raise ModelLoadError(f"{folder} has neither {WEIGHTS} nor {INDEX}: {mend}")
    _check_file(folder / first)
    return [folder / first]


def _indexed(index: Path) -> list[Path]:
    placed = _json_object(index, _INDEX_BYTES).get("weight_map")
    shards = set(placed.values()) if isinstance(placed, dict) and _are_shards(placed.values()) else set()
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


def _are_shards(names: Iterable[object]) -> bool:
    return all(isinstance(name, str) and _SHARD.fullmatch(name) for name in names)


def _quantization(config: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return how the weights are packed, and in how many bits each; as nearly all are, in 4 if unsaid."""
    said = config.get("quantization_config")
    if not isinstance(said, dict):
        return None, None
    method, bits = said.get("quant_method"), said.get("bits")
    if not isinstance(method, str):
        method = "bitsandbytes" if "load_in_4bit" in said or "load_in_8bit" in said else "unknown"
    return one_line(method), bits if isinstance(bits, int) and 1 < bits <= 8 else 4


def _weights(tensor: Tensor, bits: int | None) -> int:
    if bits is None:
        return tensor.numbers
    if tensor.name.endswith(_COMPANIONS) or ".weight." in tensor.name:
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
        if name.endswith(".json") and not (start.lstrip().startswith(b"{") and _ends_as_json(folder / name)):
            raise ModelLoadError(f"{folder / name} is not JSON, or cut short: fetch it again")


def _ends_as_json(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read(64).rstrip().endswith(b"}")
