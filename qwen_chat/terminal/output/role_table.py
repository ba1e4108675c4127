"""A table of the answers that roles gave to their probes."""

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.evaluation.role_probes import Verdict
from qwen_chat.text import strip_controls

_PLAIN_WIDTH = 120
_MAX_EXCERPT = 120


def print_role_table(verdicts: Sequence[Verdict], *, plain: bool) -> None:
    """Print the verdicts to stdout, each with the beginning of an answer and its faults."""
    console = Console(highlight=False, markup=False, no_color=plain or None)
    if not sys.stdout.isatty():
        console.width = _PLAIN_WIDTH
    table = Table(box=box.SIMPLE)
    for name in ("role", "probe", "verdict", "answer"):
        table.add_column(name, overflow="fold")
    for verdict in verdicts:
        probe = Text(strip_controls(verdict.probe.name))
        table.add_row(verdict.role, probe, _format_verdict(verdict), _format_answer(verdict))
    console.print(table)


def _format_verdict(verdict: Verdict) -> Text:
    good = sum(not run.faults for run in verdict.runs)
    count = f" {good}/{len(verdict.runs)}" if len(verdict.runs) > 1 else ""
    return Text(f"ok{count}", "green") if verdict.passed else Text(f"FAILS{count}", "bold red")


def _format_answer(verdict: Verdict) -> Text:
    """Return the beginning of the first answer that fails, or else of the first one."""
    run = next((run for run in verdict.runs if run.faults), verdict.runs[0])
    said = " ".join(strip_controls(run.said).split())
    text = Text(said if len(said) <= _MAX_EXCERPT else said[: _MAX_EXCERPT - 1] + "…")
    if run.faults:
        text.append("\n" * bool(said) + strip_controls("; ".join(run.faults)), "red")
    return text
