"""How fast models ran here: the newest figures of each, in a file of their own; no text is kept.

It is a convenience: what cannot be read or written is passed over in silence.
"""

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qwen_chat.errors import QwenChatError
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.files.bounded_read import read_bounded
from qwen_chat.files.paths import state_dir
from qwen_chat.message import Usage
from qwen_chat.model.formats.gguf import parts

MIN_TOKENS = 16
"""Fewer tell more of the clock than of the model."""

_KEPT = 500
_SIZE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second, written and read; `size` in bytes says whether the files are still the same."""

    write: float
    read: float | None
    size: int
    when: float


def record(checkpoint: Path, usage: Usage) -> None:
    """Keep what an answer showed of the speed of the model in a GGUF file or a checkpoint's folder."""
    if usage.completion_tokens < MIN_TOKENS or not usage.tokens_per_second:
        return
    with suppress(OSError, QwenChatError):
        path, size, known = checkpoint.resolve(), size_of(checkpoint), recorded()
        before = known.pop(path, None)
        read = _read_speed(usage) or (before.read if before and before.size == size else None)
        known[path] = Speed(usage.tokens_per_second, read, size, time.time())
        _write(known)


def recorded() -> dict[Path, Speed]:
    """Return what is known, by the resolved path of the file or folder; the newest last."""
    try:
        values = json.loads(read_bounded(state_dir() / "speeds.json", _SIZE_LIMIT))
    except (OSError, ValueError, RecursionError, QwenChatError):
        return {}
    entries = values.items() if isinstance(values, dict) else ()
    return {Path(path): speed for path, value in entries if (speed := _speed(value)) and "\0" not in path}


def size_of(checkpoint: Path) -> int:
    """Return the bytes of the weights.

    Raises: OSError, ModelLoadError when they are not there.
    """
    files = checkpoint.glob("*.safetensors") if checkpoint.is_dir() else parts(checkpoint)
    return sum(file.stat().st_size for file in files)


def _read_speed(usage: Usage) -> float | None:
    fresh = usage.prompt_tokens - usage.cached_tokens
    return fresh / usage.prefill_seconds if fresh >= MIN_TOKENS and usage.prefill_seconds > 0 else None


def _speed(value: Any) -> Speed | None:  # noqa: ANN401 - a file may say anything
    try:
        read = value["read"]
        return Speed(
            float(value["write"]), None if read is None else float(read), int(value["size"]), value["when"]
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _write(known: dict[Path, Speed]) -> None:
    newest = list(known.items())[-_KEPT:]
    values = {str(path): asdict(speed) for path, speed in newest}
    write_atomic(state_dir() / "speeds.json", json.dumps(values), owner_only=True)
