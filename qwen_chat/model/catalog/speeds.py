"""Records how fast each model ran on this machine, in a small file without any text of the conversations.

The file is a convenience: faults in reading and writing it are ignored.
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
from qwen_chat.files.json import parse_json
from qwen_chat.files.paths import state_dir
from qwen_chat.files.validation import convert, fits
from qwen_chat.message import Usage
from qwen_chat.model.formats.gguf import part_paths

MIN_TOKENS = 16
"""With fewer tokens, the speed depends more on the clock than on the model."""

_MAX_RECORDS = 500
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of decoding (`write`) and prefill (`read`); `size` in bytes tells changed files."""

    write: float
    read: float | None
    size: int
    when: float


def record_speed(checkpoint: Path, usage: Usage) -> None:
    """Record the speed of one answer for the model in this GGUF file or checkpoint folder."""
    if usage.completion_tokens < MIN_TOKENS or not usage.tokens_per_second:
        return
    with suppress(OSError, QwenChatError):
        path, size, known = checkpoint.resolve(), weights_size(checkpoint), load_speeds()
        before = known.pop(path, None)
        read = _prefill_speed(usage) or (before.read if before and before.size == size else None)
        known[path] = Speed(usage.tokens_per_second, read, size, time.time())
        _save(known)


def load_speeds() -> dict[Path, Speed]:
    """Return the recorded speeds by the resolved path of the file or folder, the newest last."""
    try:
        values = parse_json(read_bounded(state_dir() / "speeds.json", _MAX_FILE_BYTES))
        entries = convert(values, dict[str, Any])
    except (OSError, ValueError, QwenChatError):
        return {}
    return {
        Path(path): convert(value, Speed)
        for path, value in entries.items()
        if fits(value, Speed) and "\0" not in path
    }


def find_speed(checkpoint: Path) -> Speed | None:
    """Return the recorded speed of a model, if its weights have not changed since."""
    with suppress(OSError, QwenChatError):
        speed = load_speeds().get(checkpoint.resolve())
        if speed is not None and speed.size == weights_size(checkpoint):
            return speed
    return None


def weights_size(checkpoint: Path) -> int:
    """Return the size of the weights in bytes.

    Raises: OSError, ModelLoadError when they are missing.
    """
    files = checkpoint.glob("*.safetensors") if checkpoint.is_dir() else part_paths(checkpoint)
    return sum(file.stat().st_size for file in files)


def _prefill_speed(usage: Usage) -> float | None:
    fresh = usage.prompt_tokens - usage.cached_tokens
    return fresh / usage.prefill_seconds if fresh >= MIN_TOKENS and usage.prefill_seconds > 0 else None


def _save(known: dict[Path, Speed]) -> None:
    newest = list(known.items())[-_MAX_RECORDS:]
    values = {str(path): asdict(speed) for path, speed in newest}
    write_atomic(state_dir() / "speeds.json", json.dumps(values), owner_only=True)
