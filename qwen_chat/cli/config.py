"""`qwen-chat config`: the settings in force and where they come from."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from qwen_chat import settings
from qwen_chat.cli.flags import given_flags, setting_flags
from qwen_chat.settings import EffectiveSetting, Source, config_path, effective_settings
from qwen_chat.text import strip_controls

_MAX_VALUE = 60
"""Characters of a value that are shown; --json has it all."""


@click.group(invoke_without_command=True)
@click.pass_context
def config(context: click.Context) -> int:
    """Show the settings in force and where they come from."""
    return 0 if context.invoked_subcommand else int(context.invoke(show))


@config.command()
@click.option(
    "--origin",
    is_flag=True,
    help="where each value comes from: flag, environment, role, file or default",
)
@click.option("--json", "as_json", is_flag=True, help="as one JSON object")
@setting_flags
def show(*, origin: bool, as_json: bool, **flags: Any) -> int:  # noqa: ANN401
    """Show every setting and its value.

    With flags, show the settings of a chat that is started with them.
    """
    found = effective_settings(settings.read_layers(given_flags(flags, system_file=None)))
    if as_json:
        sys.stdout.write(f"{json.dumps({each.name: _build_record(each, origin=origin) for each in found})}\n")
        return 0
    rows = [(each.name, _format_value(each), _format_origin(each.source) if origin else "") for each in found]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, said in rows:
        line = f"{name:<{widths[0]}} = {value:<{widths[1]}}  {said}".rstrip()
        sys.stdout.write(f"{line}\n")
    return 0


@config.command()
def path() -> int:
    """Print the path of config.toml, even if there is no file yet."""
    sys.stdout.write(f"{config_path()}\n")
    return 0


@config.command()
def check() -> int:
    """Check config.toml, the environment variables and the role for errors."""
    effective_settings(settings.read_layers({}))
    there = "no errors" if config_path().exists() else "no such file, which is fine"
    sys.stdout.write(f"{strip_controls(str(config_path()))}: {there}\n")
    return 0


def _build_record(each: EffectiveSetting, *, origin: bool) -> Any:  # noqa: ANN401
    return {"value": each.value, "origin": asdict(each.source)} if origin else each.value


def _format_value(each: EffectiveSetting) -> str:
    if each.value is None or each.value == ():
        return "the checkpoint's own" if each.sampling else "not set"
    text = strip_controls(json.dumps(each.value, ensure_ascii=False))
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]} ..."


def _format_origin(source: Source) -> str:
    where = f", line {source.line}" if source.line else ""
    name = f"role {source.name}" if source.kind == "role" else source.name or "default"
    return strip_controls(f"{name}{where}")
