"""The list of local models: each name on a line of its own, to be copied, and its figures below."""

from collections.abc import Iterator, Sequence

from qwen_chat.model.catalog.inventory import LocalModel
from qwen_chat.model.catalog.machine import MachineMemory
from qwen_chat.text import format_size, strip_controls

_HEADER = ("", "on disk", "weights", "context", "fits, memory", "tokens/s")
_NUMBER_COLUMNS = (1, 2, 3)
"""Columns that are aligned to the right."""


def format_model_table(entries: Sequence[LocalModel], machine: MachineMemory) -> Iterator[str]:
    """Yield the lines: the models, a legend, then the models that cannot be used and why."""
    usable = [entry for entry in entries if entry.survey is not None]
    rows = [_HEADER, *(_cells(entry, machine) for entry in usable)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    if usable:
        yield _format_row(_HEADER, widths)
    for entry, row in zip(usable, rows[1:], strict=True):
        yield _format_name(entry)
        yield _format_row(row, widths)
    if usable:
        yield ""
        yield from _format_legend(usable, machine)
    for entry in entries:
        if entry.fault:
            yield strip_controls(f"{_format_name(entry)}: {entry.fault}")


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        f"{cell:>{width}}" if column in _NUMBER_COLUMNS else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"  {'  '.join(padded)}".rstrip()


def _cells(entry: LocalModel, machine: MachineMemory) -> tuple[str, ...]:
    survey, speed = entry.survey, entry.speed
    assert survey is not None  # noqa: S101 - for the type checker: only entries with a survey have a row
    read = f", reads {speed.read:,.0f}" if speed and speed.read else ""
    return (
        strip_controls(survey.kind),
        format_size(survey.file_bytes),
        _format_parameters(survey.parameters),
        f"{survey.context_length:,}" if survey.context_length else "?",
        f"{entry.fits(machine)}, {_format_memory(entry)}",
        f"{speed.write:,.1f}{read}" if speed else "not run here yet",
    )


def _format_name(entry: LocalModel) -> str:
    """Return the words to write after `-c`."""
    stored = entry.stored
    hub_flag = f" --hub {stored.hub}" if stored.has_hub_name and stored.hub != "huggingface" else ""
    return strip_controls(f"{stored.checkpoint}{hub_flag}")


def _format_memory(entry: LocalModel) -> str:
    least, most = entry.memory or (0, 0)
    is_known = entry.survey is not None and entry.survey.token_bytes is not None
    amount = format_size(most) if least == most else f"{format_size(least)} to {format_size(most)}"
    return amount if is_known else f"{amount} + context"


def _format_legend(entries: Sequence[LocalModel], machine: MachineMemory) -> Iterator[str]:
    contexts = sorted({entry.context for entry in entries})
    context = f"{contexts[0]:,}" if len(contexts) == 1 else f"{contexts[0]:,} to {contexts[-1]:,}"
    total, free = format_size(machine.total), format_size(machine.free)
    yield f"Memory: for the weights and {context} tokens of context; GPUs are not counted."
    yield f"This machine has {total}, {free} of it free. Tokens/s: measured in the last chat."


def _format_parameters(weights: int) -> str:
    return f"{weights / 1e9:.1f} B" if weights >= 1e9 else f"{weights / 1e6:.1f} M"
