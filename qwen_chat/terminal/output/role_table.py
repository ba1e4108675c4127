"""What roles said to their probes, as a table."""

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qwen_chat.evaluation.role_probes import Verdict
from qwen_chat.text import strip_controls

_PLAIN_WIDTH = 120
_BRIEF = 120


def show(verdicts: Sequence[Verdict], *, plain: bool) -> None:
    """Print the verdicts to stdout, each with what was said in brief and what is wrong with it."""
    console = Console(highlight=False, markup=False, no_color=plain or None)
    if not sys.stdout.isatty():
        console.width = _PLAIN_WIDTH
    table = Table(box=box.SIMPLE)
    for name in ("role", "probe", "verdict", "what it said"):
        table.add_column(name, overflow="fold")
    for verdict in verdicts:
        table.add_row(verdict.role, Text(strip_controls(verdict.probe.name)), _mark(verdict), _said(verdict))
    console.print(table)


def _mark(verdict: Verdict) -> Text:
    good = sum(not run.faults for run in verdict.runs)
    count = f" {good}/{len(verdict.runs)}" if len(verdict.runs) > 1 else ""
    return Text(f"ok{count}", "green") if verdict.passed else Text(f"FAILS{count}", "bold red")


def _said(verdict: Verdict) -> Text:
    """Return the first answer that fails, or else the first one."""
    run = next((run for run in verdict.runs if run.faults), verdict.runs[0])
    said = " ".join(strip_controls(run.said).split())
    text = Text(said if len(said) <= _BRIEF else said[: _BRIEF - 1] + "…")
    if run.faults:
        text.append("\n" * bool(said) + strip_controls("; ".join(run.faults)), "red")
    return text
