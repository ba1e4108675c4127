"""Flags for the settings: each setting is described where it lives, and every command has them all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from qwen_chat import sampling, settings
from qwen_chat.cli import value_completion as completing
from qwen_chat.errors import UsageError
from qwen_chat.files import text as text_file
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import SPECS, Settings

_SHORT = {"checkpoint_path": "-c", "seed": "-s"}
_CLICK: dict[str, dict[str, Any]] = {
    "switch": {"is_flag": True},
    "list": {"multiple": True},
    "number": {"type": int},
}
"""Click's attributes for the kinds of settings."""


def setting_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command a flag for each setting and each sampling parameter, described where they live."""
    for name in reversed(sampling.NAMES):
        function = _option(name, multiple=name == "stop", metavar="TEXT" if name == "stop" else "N")(function)
    for name, spec in reversed(SPECS.items()):
        function = _option(name, **_CLICK.get(spec.kind, {}))(function)
    return function


def _option(name: str, **attributes: Any) -> Callable[..., Any]:  # noqa: ANN401
    help = sampling.MEANINGS[name] if name in sampling.MEANINGS else SPECS[name].help
    flag = f"--{name.replace('_', '-')}"
    if attributes.get("is_flag"):
        flag += f"/--no-{flag.removeprefix('--')}"
    default: dict[str, Any] = {} if attributes.get("multiple") else {"default": None}
    if (completer := completing.for_setting(name)) is not None:
        attributes["shell_complete"] = completer
    return click.option(flag, *filter(None, [_SHORT.get(name)]), name, help=help, **default, **attributes)


def read_settings(flags: Mapping[str, Any], *, system_file: str | None) -> Settings:
    """Merge the flags a command was given with all that stands below them.

    Raises: UsageError.
    """
    return settings.load(given_flags(flags, system_file=system_file))


def given_flags(flags: Mapping[str, Any], *, system_file: str | None) -> dict[str, Any]:
    """Return the flags that a command was given, as the settings take them.

    Raises: UsageError.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    chosen = {name: value for name, value in given.items() if name in SPECS}
    if system_file is not None:
        if "system" in chosen:
            raise UsageError("--system and --system-file: give one of them")
        chosen["system"] = text_file.read_text(Path(system_file))
    return {**chosen, "sampling": _sampling(given)}


def _sampling(given: Mapping[str, Any]) -> SamplingParams:
    numbers = [f"{name}={given[name]}" for name in sampling.NAMES if name in given and name != "stop"]
    return SamplingParams(stop=given.get("stop")).over(SamplingParams.parse(numbers))
