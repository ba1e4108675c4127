"""Types at the prompt while a model of more than 1 GB loads: measures how late each key appears."""

import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks import large, ours
from benchmarks.measure import Result
from benchmarks.quiet import quietly
from benchmarks.terminal import leave, talk
from qwen_chat.model.llamacpp.engine import LlamaCppModel

ROUNDS = 3
LIMIT_MS = 100
KEYS = "àéîõü"
"""Nothing but the echo of a key writes such letters."""

_PAUSE_SECONDS = 0.02


def measure() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        path = large.write_model(Path(folder, "large.gguf"), ours.model_path())
        seconds = _load_seconds(path)
        rounds = [quietly(lambda: _delays(path, seconds)) for _ in range(ROUNDS)]
        note = (
            f"{sum(map(len, rounds))} keys while {path.stat().st_size / 1e9:.1f} GB load in {seconds:.1f} s"
        )
    return [Result("a key while a model loads, in ms", [max(each) for each in rounds], LIMIT_MS, note)]


def _load_seconds(path: Path) -> float:
    started = time.perf_counter()
    LlamaCppModel(path, "large").close()
    return time.perf_counter() - started


def _delays(path: Path, seconds: float) -> list[float]:
    """Type for so many seconds, and return the milliseconds until each key appeared."""
    chat = talk("-c", str(path))
    end, delays = time.perf_counter() + seconds, []
    for key in cycle(KEYS):
        delays.append(_delay(chat, key))
        if time.perf_counter() > end:
            break
        time.sleep(_PAUSE_SECONDS)
    chat.sendcontrol("c")
    leave(chat)
    return delays


def _delay(chat: Any, key: str) -> float:  # noqa: ANN401
    pressed = time.perf_counter()
    chat.send(key)
    chat.expect_exact(key)
    return (time.perf_counter() - pressed) * 1000
