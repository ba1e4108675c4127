"""The models that are here as text: each name on a line of its own, to be copied, and its figures below."""

from collections.abc import Iterator, Sequence

from qwen_chat.model.catalog.inventory import LocalModel
from qwen_chat.model.catalog.machine import MachineMemory
from qwen_chat.text import format_size, strip_controls

_HEAD = ("", "on disk", "weights", "context", "fits, memory", "tokens/s")
_RIGHT = (1, 2, 3)
"""The columns of numbers."""


def lines(entries: Sequence[LocalModel], machine: MachineMemory) -> Iterator[str]:
    """Yield the lines: the models, what the figures mean, then those with a fault and what it is."""
    usable = [entry for entry in entries if entry.survey is not None]
    rows = [_HEAD, *(_cells(entry, machine) for entry in usable)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    if usable:
        yield _line(_HEAD, widths)
    for entry, row in zip(usable, rows[1:], strict=True):
        yield _name(entry)
        yield _line(row, widths)
    if usable:
        yield ""
        yield from _legend(usable, machine)
    for entry in entries:
        if entry.fault:
            yield strip_controls(f"{_name(entry)}: {entry.fault}")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        f"{cell:>{width}}" if column in _RIGHT else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"  {'  '.join(padded)}".rstrip()


def _cells(entry: LocalModel, machine: MachineMemory) -> tuple[str, ...]:
    survey, speed = entry.survey, entry.speed
    assert survey is not None  # noqa: S101 - for the type checker: those without have no row
    read = f", reads {speed.read:,.0f}" if speed and speed.read else ""
    return (
        strip_controls(survey.kind),
        format_size(survey.file_bytes),
        _count(survey.parameters),
        f"{survey.context_length:,}" if survey.context_length else "?",
        f"{entry.fits(machine)}, {_memory(entry)}",
        f"{speed.write:,.1f}{read}" if speed else "not run here yet",
    )


def _name(entry: LocalModel) -> str:
    """Return what to write after `-c`."""
    stored = entry.stored
    elsewhere = f" --hub {stored.hub}" if stored.has_hub_name and stored.hub != "huggingface" else ""
    return strip_controls(f"{stored.checkpoint}{elsewhere}")


def _memory(entry: LocalModel) -> str:
    least, most = entry.memory or (0, 0)
    known = entry.survey is not None and entry.survey.token_bytes is not None
    amount = format_size(most) if least == most else f"{format_size(least)} to {format_size(most)}"
    return amount if known else f"{amount} + context"


def _legend(entries: Sequence[LocalModel], machine: MachineMemory) -> Iterator[str]:
    contexts = sorted({entry.context for entry in entries})
    counted = f"{contexts[0]:,}" if len(contexts) == 1 else f"{contexts[0]:,} to {contexts[-1]:,}"
    total, free = format_size(machine.total), format_size(machine.free)
    yield f"Memory: for the weights and {counted} tokens of context; GPUs are not counted."
    yield f"This machine has {total}, {free} of it free. Tokens/s: measured in the last chat."


def _count(weights: int) -> str:
    return f"{weights / 1e9:.1f} B" if weights >= 1e9 else f"{weights / 1e6:.1f} M"
