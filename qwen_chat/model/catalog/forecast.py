"""Forecasts how fast a model will run on this machine before it is fetched.

Decoding reads all active weights for each token, so its speed depends on their bytes; prefill computes with
each of them, so its speed depends on their number.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from qwen_chat.errors import ModelError
from qwen_chat.model.catalog.known_models import Variant, known_variants
from qwen_chat.model.catalog.speeds import Speed, load_speeds
from qwen_chat.model.catalog.survey import survey_file

_PROBE_BYTES = 1 << 26
_PROBE_SHARE = 0.6
"""The share of one core's reading speed that decoding reaches at least on machines that were measured."""


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """How much this machine decodes per second, in bytes of active weights, and reads, in active weights.

    `measured` says whether a model has shown it; otherwise the speed of the memory gives a cautious estimate.
    """

    decoding: float
    prefill: float | None = None
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Forecast:
    """Tokens per second of decoding (`write`) and prefill (`read`); see MachineSpeed for `measured`."""

    write: float
    read: float | None
    measured: bool


def machine_speed() -> MachineSpeed:
    """Return the speed that the largest GGUF model showed here, or an estimate where none ran yet.

    The largest is the best guide: small models spend more of their time on other things than their weights.
    """
    shown = max(_records(), key=lambda record: record[1].size, default=None)
    if shown is None:
        return MachineSpeed(_PROBE_SHARE * _memory_speed(), measured=False)
    path, speed = shown
    share = _active_share(path)
    parameters = _parameters(path) if speed.read else None
    prefill = speed.read * parameters * share if speed.read and parameters else None
    return MachineSpeed(speed.write * speed.size * share, prefill)


def forecast(variant: Variant, speed: MachineSpeed) -> Forecast:
    """Return how fast a model will run, in tokens per second at a short context."""
    share = variant.model.active_share
    parameters = variant.model.parameters * 1e9 * share
    read = speed.prefill / parameters if speed.prefill else None
    return Forecast(speed.decoding / (variant.size * share), read, speed.measured)


def _records() -> Iterator[tuple[Path, Speed]]:
    for path, speed in load_speeds().items():
        if speed.size > 0 and speed.write > 0 and (path.suffix.lower() == ".gguf" or path.is_file()):
            yield path, speed


def _active_share(path: Path) -> float:
    """Return the share of the weights in a file that a token uses, as far as the catalogue knows the file."""
    known = (each for each in known_variants() if each.quantization.files[0].name == path.name)
    variant = next(known, None)
    return variant.model.active_share if variant is not None else 1.0


def _parameters(path: Path) -> int | None:
    try:
        return survey_file(path).parameters
    except (ModelError, OSError):
        return None


@lru_cache(maxsize=1)
def _memory_speed() -> float:
    """Return how many bytes per second one core reads from memory, measured in a tenth of a second.

    Only the time of this thread counts, so that other programs that keep the cores busy matter little.
    """
    block = b"\x01" * _PROBE_BYTES
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        block.find(b"\x00")
        seconds.append(time.thread_time() - started)
    return _PROBE_BYTES / max(min(seconds), 1e-9)
