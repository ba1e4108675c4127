"""Measures decoding beside busy processes, against the quiet machine and against xllamacpp's defaults."""

import os
import sys
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.bounded import open_bare, open_ours, speed_beside
from benchmarks.measure import Result, one_pair
from benchmarks.quiet import quietly
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.embedded import EmbeddedModel

ROUNDS = 3
QUIET_LIMIT = 0.95
BESIDE_ONE_LIMIT = 0.5
BESIDE_ALL_LIMIT = 0.3
"""The least share of the quiet speed beside one busy process, and beside as many as there are cores."""

Pair = tuple[float, float]
"""Tokens per second, ours and bare."""


def measure() -> list[Result]:
    return [result for model in (embedded.QWEN, embedded.SMALL) for result in _measure_model(model)]


def _measure_model(model: EmbeddedModel) -> list[Result]:
    path = embedded.fetch(model, sys.stderr)
    limits = {os.cpu_count() or 1: BESIDE_ALL_LIMIT, 1: BESIDE_ONE_LIMIT}
    pairs: dict[int, list[Pair]] = {busy: [] for busy in (0, *sorted(limits))}
    for number in range(ROUNDS):
        for busy, known in pairs.items():
            known.append(quietly(partial(_one_pair, path, busy, bare_first=number % 2 == 1)))
    quiet = pairs.pop(0)
    beside = [_beside(model, busy, known, quiet, limits[busy]) for busy, known in pairs.items()]
    return [_against_bare(model, quiet), *beside]


def _one_pair(path: Path, busy: int, *, bare_first: bool) -> Pair:
    ours, bare = (partial(speed_beside, side, path, busy) for side in (open_ours, open_bare))
    return one_pair(ours, bare, bare_first=bare_first)


def _against_bare(model: EmbeddedModel, quiet: list[Pair]) -> Result:
    ours, bare = _medians(quiet)
    name, note = f"{model.key}: quiet", f"{ours:.3g} / {bare:.3g} tokens/s"
    return Result(name, [_share(*pair) for pair in quiet], QUIET_LIMIT, note, at_least=True)


def _beside(model: EmbeddedModel, busy: int, pairs: list[Pair], quiet: list[Pair], limit: float) -> Result:
    (ours, bare), (calm, bare_calm) = _medians(pairs), _medians(quiet)
    note = f"{ours:.3g} of {calm:.3g} tokens/s; bare {bare:.2g} of {bare_calm:.3g}"
    ratios = [_share(each, before) for (each, _), (before, _) in zip(pairs, quiet, strict=True)]
    return Result(f"{model.key}: beside {busy} busy", ratios, limit, note, at_least=True)


def _share(speed: float, other: float) -> float:
    return speed / other if other else 0.0  # not even the other answer came in time


def _medians(pairs: list[Pair]) -> Pair:
    ours, bare = zip(*pairs, strict=True)
    return median(ours), median(bare)
