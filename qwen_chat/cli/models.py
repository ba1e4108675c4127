"""`qwen-chat models`: the models on this machine, and those that can be fetched by name."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from qwen_chat import i18n
from qwen_chat.cli import value_completion
from qwen_chat.cli.flags import read_settings
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.inventory import LocalModel, list_models
from qwen_chat.model.catalog.known_files import fetched_size, find_here, remove_fetched
from qwen_chat.model.catalog.known_models import require_known
from qwen_chat.model.catalog.locate import locate_known
from qwen_chat.model.catalog.machine import MachineMemory, read_machine_memory
from qwen_chat.model.catalog.offers import Offer, list_offers
from qwen_chat.settings import HUBS
from qwen_chat.terminal.output.model_table import format_model_table
from qwen_chat.terminal.output.offer_table import format_offer_table
from qwen_chat.text import format_size

_DEFAULT = "list"


class _ListingGroup(click.Group):
    """A group that lists where the first word is none of its commands: it may be a flag or a folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before arguments that name none."""
        asks_for_help = bool(args) and args[0] in ctx.help_option_names
        names_command = bool(args) and args[0] in self.commands
        if not (names_command or asks_for_help or (ctx.resilient_parsing and not args)):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands, then what the default command takes."""
        return [
            *super().shell_complete(ctx, incomplete),
            *self.commands[_DEFAULT].shell_complete(ctx, incomplete),
        ]


@click.group(cls=_ListingGroup, subcommand_metavar="[COMMAND] ...")
def models() -> int:
    """List the models on this machine and those that can be fetched; fetch and remove them by name.

    Without a command, `list`.
    """
    return 0


@models.command(_DEFAULT)
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="also what does not fit, and all quantizations")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="print one JSON object for each model, one a line; with --all also those that can be fetched",
)
def list_command(folders: tuple[Path, ...], *, everything: bool, as_json: bool) -> int:
    """List the models here (in the hubs' caches, in the FOLDERs, or run before), and those to get."""
    machine = read_machine_memory()
    if as_json:
        _print_records(folders, machine, everything=everything)
        return 0
    here = list(list_models(folders))
    for line in (*format_model_table(here, machine), *_notes()):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write("\n" if here else "")
    for line in format_offer_table(list(list_offers()), machine, everything=everything):
        sys.stdout.write(f"{line}\n")
    return 0


@models.command()
@click.argument("name", shell_complete=value_completion.complete_known_models)
@click.option("--hub", type=click.Choice(HUBS), default=HUBS[0], show_default=True, help="where to ask first")
def get(name: str, *, hub: str) -> int:
    """Fetch the model NAME, or NAME:QUANTIZATION, and say how to talk to it."""
    variant = require_known(name)
    here = find_here(variant)
    located = locate_known(variant, sys.stderr, hub=hub)
    sys.stdout.write(f"{variant.name} is {'here already' if here else 'here'}: {located.path}\n")
    sys.stdout.write(f"Talk to it: qwen-chat -c {variant.name}\n")
    return 0


@models.command()
@click.argument("name", shell_complete=value_completion.complete_fetched_models)
@click.option("-y", "--yes", is_flag=True, help="do not ask for confirmation")
def remove(name: str, *, yes: bool) -> int:
    """Remove the files of the model NAME that qwen-chat fetched."""
    variant = require_known(name)
    size = fetched_size(variant)
    if not yes and not click.confirm(f"Remove {variant.name} ({format_size(size)})?", err=True):
        sys.stdout.write(f"{variant.name} stays\n")
        return 0
    remove_fetched(variant)
    sys.stdout.write(f"removed {variant.name}: {format_size(size)} are free again\n")
    return 0


def _print_records(folders: tuple[Path, ...], machine: MachineMemory, *, everything: bool) -> None:
    for entry in list_models(folders):
        sys.stdout.write(f"{json.dumps(_build_record(entry, machine))}\n")
    for offer in list_offers() if everything else ():
        if offer.path is None:
            sys.stdout.write(f"{json.dumps(_build_offer_record(offer, machine))}\n")


def _notes() -> Iterator[str]:
    model = embedded.MODELS[read_settings({}, system_file=None).embedded]
    if embedded.find(model) is None:
        size = format_size(model.file.size)
        yield f"{model.name} is not here yet: qwen-chat without -c fetches it ({size}, once)."


def _build_record(entry: LocalModel, machine: MachineMemory) -> dict[str, Any]:
    survey, speed, memory = entry.survey, entry.speed, entry.memory
    return {
        "checkpoint": entry.stored.checkpoint,
        "here": True,
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


def _build_offer_record(offer: Offer, machine: MachineMemory) -> dict[str, Any]:
    variant, model, forecast = offer.variant, offer.variant.model, offer.forecast
    return {
        "checkpoint": variant.name,
        "here": False,
        "hub": model.hubs[0] if model.hubs else None,
        "repository": variant.quantization.repository or None,
        "publisher": model.publisher,
        "licence": model.licence,
        "kind": f"GGUF {variant.quantization.name.upper()}",
        "file_bytes": variant.size,
        "file_bytes_exact": variant.size_is_exact,
        "parameters": round(model.parameters * 1e9),
        "context_length": model.context,
        "memory_bytes": {"least": offer.memory, "most": offer.memory, "context": variant.context},
        "fits": offer.fits(machine),
        "forecast": {
            "written_per_second": round(forecast.write, 2),
            "read_per_second": round(forecast.read, 2) if forecast.read else None,
            "measured": forecast.measured,
        },
        "good_for": {language: i18n.translate(model.purpose, language) for language in i18n.LANGUAGES},
    }
