"""`qwen-chat config`: which settings are in force, and where they come from."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from qwen_chat import settings
from qwen_chat.cli.flags import given_flags, setting_flags
from qwen_chat.settings import EffectiveSetting, Source, config_path, effective_settings
from qwen_chat.text import strip_controls

_LONGEST = 60
"""Characters of a value that are shown; --json has it all."""


@click.group(invoke_without_command=True)
@click.pass_context
def config(context: click.Context) -> int:
    """Show the settings in force and where they come from."""
    return 0 if context.invoked_subcommand else int(context.invoke(show))


@config.command()
@click.option(
    "--origin", is_flag=True, help="say where each comes from: flag, environment, role, file, default"
)
@click.option("--json", "as_json", is_flag=True, help="as one JSON object")
@setting_flags
def show(*, origin: bool, as_json: bool, **flags: Any) -> int:  # noqa: ANN401
    """Show every setting and its value.

    With flags, what a chat with these flags would begin with.
    """
    found = effective_settings(settings.read_layers(given_flags(flags, system_file=None)))
    if as_json:
        sys.stdout.write(f"{json.dumps({each.name: _record(each, origin=origin) for each in found})}\n")
        return 0
    rows = [(each.name, _value(each), _origin(each.source) if origin else "") for each in found]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, said in rows:
        line = f"{name:<{widths[0]}} = {value:<{widths[1]}}  {said}".rstrip()
        sys.stdout.write(f"{line}\n")
    return 0


@config.command()
def path() -> int:
    """Print where the file of the settings is, or would be."""
    sys.stdout.write(f"{config_path()}\n")
    return 0


@config.command()
def check() -> int:
    """Check config.toml, the environment and the role."""
    effective_settings(settings.read_layers({}))
    there = "nothing is wrong" if config_path().exists() else "there is none, which is fine"
    sys.stdout.write(f"{strip_controls(str(config_path()))}: {there}\n")
    return 0


def _record(each: EffectiveSetting, *, origin: bool) -> Any:  # noqa: ANN401
    return {"value": each.value, "origin": asdict(each.source)} if origin else each.value


def _value(each: EffectiveSetting) -> str:
    if each.value is None or each.value == ():
        return "the checkpoint's own" if each.sampling else "not set"
    text = strip_controls(json.dumps(each.value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _origin(source: Source) -> str:
    where = f", line {source.line}" if source.line else ""
    name = f"role {source.name}" if source.kind == "role" else source.name or "default"
    return strip_controls(f"{name}{where}")
