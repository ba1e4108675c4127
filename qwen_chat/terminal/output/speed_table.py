"""A table of measured speed and memory."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from qwen_chat.evaluation.speed import Measurement

_COLUMNS = ("dtype", "batch", "context", "prefill tokens/s", "decode tokens/s", "peak GiB")
_PLAIN_WIDTH = 120


def print_speed_table(rows: Sequence[Measurement]) -> None:
    """Print the rows to stdout; the errors follow below the table."""
    table = Table(box=box.SIMPLE)
    for number, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*_cells(row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print(table)
    for row in rows:
        if row.error:
            point = row.point
            where = f"{point.name}, batch {point.batch}, context {point.context:,}"
            console.print(f"{where}: {row.error}", soft_wrap=True)


def _cells(row: Measurement) -> list[str]:
    point = row.point
    figures = (
        ("-",) * 3
        if row.error
        else (
            f"{row.read_speed:,.0f}",
            f"{row.write_speed:,.1f}",
            f"{row.peak_gib:.2f}",
        )
    )
    return [point.name, str(point.batch), f"{point.context:,}", *figures]
