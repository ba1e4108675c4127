"""A plot of measured speed and memory, side by side."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from qwen_chat.errors import MissingExtraError, UsageError
from qwen_chat.evaluation.speed import Measurement

SUFFIXES = (".svg", ".png", ".pdf")


def check_plot_path(path: Path) -> None:
    """Check that a plot can be written to a path.

    Raises: UsageError, MissingExtraError.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: name a file ending in {', '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--plot {path}: there is no folder {path.parent}")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("--plot", "profile")


def draw_speed_plot(rows: Sequence[Measurement], title: str, path: Path) -> None:
    """Write a plot with a bar for each point that could be measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in rows if not row.error]
    names = [f"{row.point.name}, batch {row.point.batch}\ncontext {row.point.context:,}" for row in rows]
    figure = Figure(figsize=(9, 1.2 + 0.5 * max(len(rows), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    speed, memory = figure.subplots(1, 2, sharey=True)
    for axes, values, label, colour, shown in (
        (speed, [row.write_speed for row in rows], "decode, tokens/s", "#615ced", "%.1f"),
        (memory, [row.peak_gib for row in rows], "peak memory, GiB", "#9aa0a6", "%.2f"),
    ):
        bars = axes.barh(names, values, color=colour)
        axes.bar_label(bars, fmt=shown, padding=3)
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.18)
    speed.invert_yaxis()
    figure.suptitle(title)
    figure.savefig(path)
