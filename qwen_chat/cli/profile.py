"""`qwen-chat profile`: measure speed and memory."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.errors import UsageError
from qwen_chat.evaluation import speed as profiling
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.model.catalog.locate import locate
from qwen_chat.settings import SPECS

T = TypeVar("T")


@click.command()
@click.option("--contexts", default="1,1024", show_default=True, help="tokens to read before, a list")
@click.option("--generate", default=2048, show_default=True, type=click.IntRange(2), help="tokens to write")
@click.option("--batch-sizes", default="1", show_default=True, help="answers written together, a list")
@click.option("--dtypes", help="number types to compare, a list")
@click.option("--quantizations", help="ways to make the weights smaller to compare, a list; none for none")
@click.option("--kv-caches", help="number types of the cache to compare, a list; none for the model's own")
@click.option("-o", "--output", metavar="FILE.json", help="write the figures as JSON, too")
@click.option("--plot", metavar="FILE.svg", help="draw them, too")
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
    """Measure tokens per second and peak memory, over contexts, number types, caches and batch sizes."""
    chosen = read_settings(flags, system_file=None)
    points = profiling.plan(
        _listed("--contexts", contexts, _whole),
        _listed("--batch-sizes", batch_sizes, _whole),
        _choices("dtype", "--dtypes", dtypes),
        _choices("quantize", "--quantizations", quantizations),
        _choices("kv_cache", "--kv-caches", kv_caches),
    )
    located = locate(chosen.checkpoint_path, sys.stderr, hub=chosen.hub, revision=chosen.revision)
    if plot is not None:
        from qwen_chat.terminal.output.speed_plot import check_plot_path

        check_plot_path(Path(plot))
    rows: list[profiling.Measured] = []
    _keep(rows, output)  # what cannot be written is told before hours of measuring
    try:
        for row in profiling.measure(chosen, points, generate):
            rows.append(row)
            _keep(rows, output)
            _tell(len(rows), len(points))
    except KeyboardInterrupt:
        _show(rows, located.name, plot)
        sys.stderr.write(f"stopped after {len(rows)} of {len(points)}\n")
        return 130
    _show(rows, located.name, plot)
    return 1 if any(row.error for row in rows) else 0


def _keep(rows: list[profiling.Measured], output: str | None) -> None:
    """Write all rows so far: whatever ends the command, they are there."""
    if output is None:
        return
    text = json.dumps([asdict(row) for row in rows], indent=2)
    try:
        write_atomic(Path(output), text + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None


def _show(rows: list[profiling.Measured], title: str, plot: str | None) -> None:
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


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\rmeasured {done} of {total}" + "\n" * (done == total))
        sys.stderr.flush()


def _choices(setting: str, flag: str, text: str | None) -> list[str | None]:
    """Return the values to compare, or None for what the settings say."""
    if text is None:
        return [None]

    def one(word: str) -> str | None:
        if word == "none":
            return None
        SPECS[setting].check(flag, word)
        return word

    return _listed(flag, text, one)


def _whole(word: str) -> int:
    if not word.isdecimal() or not 0 < int(word) <= 10_000_000:
        raise UsageError(f"{word!r} is not a whole number from 1 to 10,000,000")
    return int(word)


def _listed(flag: str, text: str, read: Callable[[str], T]) -> list[T]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"{flag} {text}: write a list like 1,2,3, without empty places")
    try:
        return [read(word) for word in words]
    except UsageError as error:
        raise UsageError(f"{flag}: {str(error).removeprefix(flag).strip()}") from None
