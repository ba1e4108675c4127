"""Checks that a checkpoint has the weights that its config describes: transformers invents the others."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qwen_chat.errors import ModelLoadError

_PREFIXES = {
    "_orig_mod.": "saved from torch.compile",
    "module.": "saved from DataParallel",
    "base_model.model.": "saved from PEFT",
}
_LORA = re.compile(r"\.lora_|\.base_layer\.")
_PACKED = re.compile(
    r"(qweight|qzeros|scales?|scale_inv|weight_packed|weight_shape|zero_point|absmax|quant_map)$"
)
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
_SHOWN = 2

Names = Iterable[str]


def check_weights(folder: Path, loaded: Mapping[str, Any], known: Names) -> None:
    """Refuse a checkpoint whose weights are not those of the model, whose own have the `known` names.

    `loaded` is what transformers returns with `output_loading_info`. Weights of parts that the model does not
    have at all, such as a tower for images, are none of its own; a layer too many is one.

    Raises: ModelLoadError.
    """
    missing = sorted(loaded["missing_keys"], key=_by_layer)
    mismatched = sorted(loaded["mismatched_keys"], key=str)
    unexpected = sorted(loaded["unexpected_keys"], key=_by_layer)
    shapes = {_NUMBER.sub("*", name) for name in known}
    too_many = [name for name in unexpected if _NUMBER.sub("*", name) in shapes]
    faults = [
        _describe("missing", missing),
        _describe("more than it describes", too_many),
        _describe("of another shape", [f"{name} {_pair(*sizes)}" for name, *sizes in mismatched]),
    ]
    if any(faults):
        told = "; ".join(filter(None, faults))
        raise ModelLoadError(
            f"{folder} does not have the weights that its config.json describes: {told}; "
            f"{_guess_cause(missing, unexpected)}"
        )


def _describe(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{len(names)} {what} ({shown}{', ...' if len(names) > _SHOWN else ''})" if names else ""


def _pair(in_file: Iterable[int], in_model: Iterable[int]) -> str:
    return " for ".join("x".join(map(str, size)) for size in (in_file, in_model))


def _guess_cause(missing: list[str], unexpected: list[str]) -> str:
    """Return what the names look like, and what to do."""
    if any(map(_LORA.search, unexpected)):
        return "it holds LoRA weights beside the model's: save what PEFT's merge_and_unload returns"
    if prefix := _find_prefix(missing, unexpected):
        saved = _PREFIXES.get(prefix, "saved within another module")
        return f"its names begin with {prefix}, {saved}: give --strip-prefix {prefix}"
    if any(map(_PACKED.search, unexpected)):
        return "its weights are packed in a way that its quantization_config does not tell: use another one"
    if missing == ["lm_head.weight"]:
        return "if the output shares the embedding, set tie_word_embeddings to true in config.json"
    return "its config.json is of another model, or files are missing: fetch it again"


def _find_prefix(missing: list[str], unexpected: list[str]) -> str:
    """Return what the names in the files begin with, if they are the missing ones without it; else ""."""
    if not missing:
        return ""
    ends = [name.removesuffix(missing[0]) for name in unexpected if name.endswith(missing[0])]
    prefix = next(iter(ends), "")
    return prefix if prefix and {prefix + name for name in missing} <= set(unexpected) else ""


def _by_layer(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
