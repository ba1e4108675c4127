"""The models among many names of GGUF files, and the one that a person means."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.gguf import SPLIT

EXAMPLE = "-c Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m"

_PREFERRED = ("q4_k_m", "q8_0", "q4_0")
_SHOWN = 5


def group(names: Iterable[str]) -> dict[str, list[str]]:
    """Group the files of each model under its name, which leaves out the number of the part."""
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        base = PurePath(name).name.lower()
        if base.endswith(".gguf") and not base.startswith((".", "mmproj")):
            models.setdefault(without_part(name), []).append(name)
    return models


def without_part(name: str) -> str:
    """Return the name without the number of the part."""
    match = SPLIT.fullmatch(name)
    return match["stem"] + match["suffix"] if match else name


def listed(names: Iterable[str]) -> str:
    """Spell out the first few names."""
    names = sorted(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def choose(repo: str, names: Iterable[str], wanted: str) -> list[str]:
    """Return the files of the one model that `wanted` names, by its file or its quantization.

    Raises: ModelLoadError when there is none, or several.
    """
    models = group(names)
    if not models:
        raise ModelLoadError(f"{repo} has no GGUF files: look for a GGUF of it, as in {EXAMPLE}")
    if wanted:
        found = _matching(models, wanted)
    else:
        found = next(filter(None, (_matching(models, quant) for quant in _PREFERRED)), list(models))
    if len(found) == 1:
        return models[found[0]]
    asked = f" for {wanted!r}" if wanted else ""
    fault = f"{repo} has {'several models' if found else 'no model'}{asked}"
    raise ModelLoadError(f"{fault}: name one, -c {repo}:FILE, of {listed(found or models)}")


def _matching(models: dict[str, list[str]], wanted: str) -> list[str]:
    exact = [name for name, files in models.items() if wanted in _spellings(name, *files)]
    # q4_0 is not to match q4_0_4_4 too, nor f16 bf16, where the tag itself is there.
    tag = re.compile(rf"(?<![a-z0-9]){re.escape(wanted.lower())}(?![a-z0-9_])")
    tagged = [name for name in models if tag.search(name.lower())]
    return exact or tagged or [name for name in models if wanted.lower() in name.lower()]


def _spellings(*names: str) -> set[str]:
    return {*names, *(PurePath(name).name for name in names)}
