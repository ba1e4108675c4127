"""Groups the names of GGUF files into models, and picks the model that a person names."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.gguf import SPLIT

EXAMPLE = "-c Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m"

_PREFERRED_QUANTIZATIONS = ("q4_k_m", "q8_0", "q4_0")
_MAX_NAMES = 5


def group_parts(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the file names of each model by the model's name, which has no part number."""
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        base = PurePath(name).name.lower()
        if base.endswith(".gguf") and not base.startswith((".", "mmproj")):
            models.setdefault(strip_part_number(name), []).append(name)
    return models


def strip_part_number(name: str) -> str:
    """Return a file name without its part number."""
    match = SPLIT.fullmatch(name)
    return match["stem"] + match["suffix"] if match else name


def format_names(names: Iterable[str]) -> str:
    """Return the first few names as text, and the number of the others."""
    names = sorted(names)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def choose_model(repo: str, names: Iterable[str], wanted: str) -> list[str]:
    """Return the files of the model that `wanted` names, by its file name or its quantization.

    Raises: ModelLoadError when no model or several models match.
    """
    models = group_parts(names)
    if not models:
        raise ModelLoadError(f"{repo} has no GGUF files: look for a GGUF of it, as in {EXAMPLE}")
    if wanted:
        found = _match_models(models, wanted)
    else:
        found = next(
            filter(None, (_match_models(models, quant) for quant in _PREFERRED_QUANTIZATIONS)), list(models)
        )
    if len(found) == 1:
        return models[found[0]]
    condition = f" for {wanted!r}" if wanted else ""
    fault = f"{repo} has {'several models' if found else 'no model'}{condition}"
    raise ModelLoadError(f"{fault}: name one, -c {repo}:FILE, of {format_names(found or models)}")


def _match_models(models: dict[str, list[str]], wanted: str) -> list[str]:
    exact = [name for name, files in models.items() if wanted in _spellings(name, *files)]
    # Where the tag itself exists, q4_0 must not match q4_0_4_4, nor f16 match bf16.
    tag = re.compile(rf"(?<![a-z0-9]){re.escape(wanted.lower())}(?![a-z0-9_])")
    tagged = [name for name in models if tag.search(name.lower())]
    return exact or tagged or [name for name in models if wanted.lower() in name.lower()]


def _spellings(*names: str) -> set[str]:
    return {*names, *(PurePath(name).name for name in names)}
