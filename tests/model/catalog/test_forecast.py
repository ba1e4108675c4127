"""Forecasts of the speed of models that are not here yet."""

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from qwen_chat.files.paths import state_dir
from qwen_chat.model.catalog.forecast import forecast, machine_speed
from qwen_chat.model.catalog.known_models import Variant, find_known
from qwen_chat.model.catalog.speeds import Speed
from qwen_chat.model.catalog.survey import survey_file


def known(name: str) -> Variant:
    found = find_known(name)
    assert found is not None
    return found


def ran(path: Path, write: float, read: float | None, size: int | None = None) -> None:
    speeds = state_dir() / "speeds.json"
    before = json.loads(speeds.read_text()) if speeds.exists() else {}
    speed = Speed(write, read, size or path.stat().st_size, time.time())
    speeds.write_text(json.dumps({**before, str(path): asdict(speed)}))


def test_without_any_model_the_memory_gives_a_cautious_estimate() -> None:
    speed = machine_speed()
    assert not speed.measured
    small, large = forecast(known("qwen3-0.6b"), speed), forecast(known("qwen3-8b"), speed)
    assert small.write > large.write > 0
    assert (small.read, small.measured) == (None, False)


def test_a_model_that_ran_is_the_measure(model_path: Path) -> None:
    ran(model_path, 100, 250)
    speed = machine_speed()
    assert speed.measured
    size, parameters = model_path.stat().st_size, survey_file(model_path).parameters
    eight = forecast(known("qwen3-8b"), speed)
    assert eight.write == pytest.approx(100 * size / 5_027_783_488)
    assert eight.read == pytest.approx(250 * parameters / 8.2e9)


def test_the_largest_model_is_the_best_measure(model_path: Path, tmp_path: Path) -> None:
    ran(model_path, 100, 250)
    ran(tmp_path / "large.gguf", 10, None, size=5_000_000_000)
    assert machine_speed().decoding == 10 * 5_000_000_000
    assert machine_speed().prefill is None


def test_of_a_mixture_of_experts_only_the_active_weights_count(model_path: Path, tmp_path: Path) -> None:
    ran(model_path, 100, 250)
    speed = machine_speed()
    whole, mixture = known("qwen3-32b"), known("qwen3-30b-a3b")
    assert forecast(mixture, speed).write > 5 * forecast(whole, speed).write
    file = mixture.quantization.files[0].name
    shutil.copy(model_path, tmp_path / file)
    ran(tmp_path / file, 6, None, size=mixture.size)
    assert forecast(mixture, machine_speed()).write == pytest.approx(6)
