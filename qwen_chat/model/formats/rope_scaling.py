"""Rotary positions that are stretched, so that a context may be longer than the one of training.

YaRN: https://arxiv.org/abs/2309.00071; linear: https://arxiv.org/abs/2306.15595.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qwen_chat.errors import ModelLoadError

_NAMES = {"yarn": "YaRN", "linear": "linear scaling", "dynamic": "dynamic NTK"}
_SETTING = re.compile(r"(yarn|linear):([0-9]+(?:\.[0-9]+)?)")
_MAX_FACTOR = 1024


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """A stretch of the `trained` positions by a factor."""

    kind: str
    factor: float
    trained: int

    @property
    def length(self) -> int:
        """The number of positions after the stretch."""
        return int(self.trained * self.factor)

    def __str__(self) -> str:
        """Return what is on, in words."""
        name = _NAMES.get(self.kind, self.kind)
        return f"{name}, {self.factor:g} times the {self.trained:,} tokens of training"


def of_config(config: Mapping[str, Any]) -> RopeScaling | None:
    """Return the stretch of a checkpoint's config, or None; positions of other kinds need no stretch."""
    text = config.get("text_config")
    values = text if isinstance(text, Mapping) else config
    longest: Any = values.get("max_position_embeddings")
    if not _is_length(longest):
        return None
    for scaling in _scalings(values):
        kind = scaling.get("rope_type", scaling.get("type"))
        original: Any = scaling.get("original_max_position_embeddings") or values.get(
            "original_max_position_embeddings"
        )
        trained = int(original if _is_length(original) else longest)
        if kind in _NAMES and (found := _make(str(kind), scaling.get("factor"), trained)):
            return found
    return None


def of_metadata(metadata: Mapping[str, object], architecture: str) -> RopeScaling | None:
    """Return the stretch of a GGUF file, or None."""
    start = f"{architecture}.rope.scaling"
    trained = metadata.get(f"{start}.original_context_length") or metadata.get(
        f"{architecture}.context_length"
    )
    kind = metadata.get(f"{start}.type")
    if not isinstance(kind, str) or kind not in _NAMES or not isinstance(trained, int):
        return None
    return _make(kind, metadata.get(f"{start}.factor"), trained)


def choose(setting: str | None, own: RopeScaling | None, trained: int) -> RopeScaling | None:
    """Return the stretch that a setting asks for, such as yarn:4 or none; without one, the checkpoint's own.

    Raises: ModelLoadError for a setting that is none.
    """
    if setting is None:
        return own
    if setting == "none":
        return None
    found = _SETTING.fullmatch(setting.strip().lower())
    if found is None or not 1 <= float(found[2]) <= _MAX_FACTOR:
        known = f"write it as yarn:FACTOR or linear:FACTOR, with a factor from 1 to {_MAX_FACTOR}, or none"
        raise ModelLoadError(f"--rope-scaling {setting}: {known}")
    return RopeScaling(found[1], float(found[2]), own.trained if own else trained)


def _scalings(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the settings of a config under their older and newer names, also by kinds of layers."""
    for name in ("rope_scaling", "rope_parameters"):
        found = values.get(name)
        if isinstance(found, Mapping):
            yield found
            yield from (each for each in found.values() if isinstance(each, Mapping))


def _make(kind: str, factor: object, trained: int) -> RopeScaling | None:
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor):
        return None
    return RopeScaling(kind, float(factor), trained) if 1 < factor <= _MAX_FACTOR and trained > 0 else None


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
