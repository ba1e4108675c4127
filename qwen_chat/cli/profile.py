"""`qwen-chat profile`: measure the speed and memory of a model."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.cli.progress_line import print_progress
from qwen_chat.errors import UsageError
from qwen_chat.evaluation import speed
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.model.factory import locate_chosen
from qwen_chat.settings import SPECS

T = TypeVar("T")


@click.command()
@click.option("--contexts", default="1,1024", show_default=True, help="prompt lengths in tokens, a list")
@click.option("--generate", default=2048, show_default=True, type=click.IntRange(2), help="tokens to write")
@click.option(
    "--batch-sizes", default="1", show_default=True, help="how many answers are generated together, a list"
)
@click.option("--dtypes", help="dtypes to compare, a list")
@click.option("--quantizations", help="quantizations to compare, a list; none for none")
@click.option("--kv-caches", help="KV cache dtypes to compare, a list; none for the model's own")
@click.option("-o", "--output", metavar="FILE.json", help="also write the results as JSON")
@click.option("--plot", metavar="FILE.svg", help="also draw the results")
@setting_flags
def profile(
    *,
    contexts: str,
    generate: int,
    batch_sizes: str,
    dtypes: str | None,
    quantizations: str | None,
    kv_caches: str | None,
    output: str | None,
    plot: str | None,
    **flags: Any,  # noqa: ANN401
) -> int:
    """Measure tokens per second and peak memory over contexts, dtypes, KV caches and batch sizes."""
    chosen = read_settings(flags, system_file=None)
    points = speed.combine_points(
        _parse_list("--contexts", contexts, _parse_count),
        _parse_list("--batch-sizes", batch_sizes, _parse_count),
        _parse_choices("dtype", "--dtypes", dtypes),
        _parse_choices("quantize", "--quantizations", quantizations),
        _parse_choices("kv_cache", "--kv-caches", kv_caches),
    )
    located = locate_chosen(chosen, sys.stderr)
    if plot is not None:
        from qwen_chat.terminal.output.speed_plot import check_plot_path

        check_plot_path(Path(plot))
    rows: list[speed.Measurement] = []
    _write_results(rows, output)  # a path that cannot be written fails before hours of measuring
    try:
        for row in speed.measure_points(chosen, points, generate):
            rows.append(row)
            _write_results(rows, output)
            print_progress("measured", len(rows), len(points))
    except KeyboardInterrupt:
        _print_results(rows, located.name, plot)
        sys.stderr.write(f"stopped after {len(rows)} of {len(points)}\n")
        return 130
    _print_results(rows, located.name, plot)
    return 1 if any(row.error for row in rows) else 0


def _write_results(rows: list[speed.Measurement], output: str | None) -> None:
    """Write all results so far, so that they survive an interruption."""
    if output is None:
        return
    text = json.dumps([asdict(row) for row in rows], indent=2)
    try:
        write_atomic(Path(output), text + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def _print_results(rows: list[speed.Measurement], title: str, plot: str | None) -> None:
    from qwen_chat.terminal.output.speed_table import print_speed_table

    if not rows:
        return
    print_speed_table(rows)
    if plot is None:
        return
    from qwen_chat.terminal.output.speed_plot import draw_speed_plot

    try:
        draw_speed_plot(rows, title, Path(plot))
    except OSError as error:
        raise UsageError(f"cannot write {plot}: {error.strerror or error}") from None


def _parse_choices(setting: str, flag: str, text: str | None) -> list[str | None]:
    """Return the values to compare; None stands for the value of the settings."""
    if text is None:
        return [None]

    def one(word: str) -> str | None:
        if word == "none":
            return None
        SPECS[setting].check(flag, word)
        return word

    return _parse_list(flag, text, one)


def _parse_count(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 10_000_000:
        raise UsageError(f"{word!r} is not a whole number from 1 to 10,000,000")
    return int(word)


def _parse_list(flag: str, text: str, read: Callable[[str], T]) -> list[T]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"{flag} {text}: write a list like 1,2,3 without empty values")
    try:
        return [read(word) for word in words]
    except UsageError as error:
        raise UsageError(f"{flag}: {str(error).removeprefix(flag).strip()}") from None
