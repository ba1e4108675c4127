"""`qwen-chat models`: the models on this machine, whether they fit, and how fast they ran."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from qwen_chat.cli.flags import read_settings
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.inventory import LocalModel, list_models
from qwen_chat.model.catalog.machine import MachineMemory, read_machine_memory
from qwen_chat.terminal.output.model_table import format_model_table
from qwen_chat.text import format_size


@click.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print one JSON object for each model, one a line")
def models(folders: tuple[Path, ...], *, as_json: bool) -> int:
    """List the models in the caches of the hubs, in the FOLDERs, and those that ran before."""
    machine = read_machine_memory()
    if as_json:
        for entry in list_models(folders):
            sys.stdout.write(f"{json.dumps(_build_record(entry, machine))}\n")
        return 0
    for line in (*format_model_table(list(list_models(folders)), machine), *_notes()):
        sys.stdout.write(f"{line}\n")
    return 0


def _notes() -> Iterator[str]:
    model = embedded.MODELS[read_settings({}, system_file=None).embedded]
    if embedded.find(model) is None:
        size = format_size(model.file.size)
        yield f"{model.name} is not here yet: qwen-chat without -c fetches it ({size}, once)."


def _build_record(entry: LocalModel, machine: MachineMemory) -> dict[str, Any]:
    survey, speed, memory = entry.survey, entry.speed, entry.memory
    return {
        "checkpoint": entry.stored.checkpoint,
        "hub": entry.stored.hub,
        "path": str(entry.stored.path),
        "fault": entry.fault or None,
        "kind": survey and survey.kind,
        "file_bytes": survey and survey.file_bytes,
        "parameters": survey and survey.parameters,
        "context_length": survey and survey.context_length,
        "memory_bytes": memory and {"least": memory[0], "most": memory[1], "context": entry.context},
        "fits": entry.fits(machine),
        "written_per_second": speed and round(speed.write, 2),
        "read_per_second": round(speed.read, 2) if speed and speed.read else None,
    }
