"""A flag for each setting and each sampling parameter, with its help text from where it is defined."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from qwen_chat import sampling
from qwen_chat.cli import value_completion
from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import SPECS, Settings, flag_of, load_settings

_CLICK: dict[str, dict[str, Any]] = {
    "switch": {"is_flag": True},
    "list": {"multiple": True},
    "number": {"type": int},
}
"""The attributes of a click option for each kind of setting."""


def setting_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Decorate a command with a flag for each setting and each sampling parameter."""
    for names, attributes in reversed(_declarations()):
        function = click.option(*names, **attributes)(function)
    return function


def setting_options() -> list[click.Parameter]:
    """Return a flag for each setting and each sampling parameter."""
    return [click.Option(names, **attributes) for names, attributes in _declarations()]


def _declarations() -> list[tuple[list[str], dict[str, Any]]]:
    """Return the names and attributes of every flag, as click.option takes them."""
    settings_flags = [_declare(name, **_CLICK.get(spec.kind, {})) for name, spec in SPECS.items()]
    return settings_flags + [
        _declare(name, multiple=name == "stop", metavar="TEXT" if name == "stop" else "N")
        for name in sampling.NAMES
    ]


def _declare(name: str, **attributes: Any) -> tuple[list[str], dict[str, Any]]:  # noqa: ANN401
    flag = flag_of(name)
    if attributes.get("is_flag"):
        flag += f"/--no-{flag.removeprefix('--')}"
    if not attributes.get("multiple"):
        attributes["default"] = None
    spec = SPECS.get(name)
    if spec is not None and (completer := value_completion.completer_for(spec)) is not None:
        attributes["shell_complete"] = completer
    attributes["help"] = spec.help if spec else sampling.MEANINGS[name]
    short = spec.short_flag if spec else sampling.SHORT_FLAGS.get(name)
    return [flag, *filter(None, [short]), name], attributes


def read_settings(flags: Mapping[str, Any], *, system_file: str | None) -> Settings:
    """Return the settings: flags first, then the environment, the role, the file and the defaults.

    Raises: UsageError.
    """
    return load_settings(given_flags(flags, system_file=system_file))


def given_flags(flags: Mapping[str, Any], *, system_file: str | None) -> dict[str, Any]:
    """Return the flags that a person gave, in the form that the settings take.

    Raises: UsageError.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    chosen = {name: value for name, value in given.items() if name in SPECS}
    if system_file is not None:
        if "system" in chosen:
            raise UsageError("--system and --system-file: give one of them")
        chosen["system"] = read_text(Path(system_file))
    return {**chosen, "sampling": _sampling(given)}


def _sampling(given: Mapping[str, Any]) -> SamplingParams:
    numbers = [f"{name}={given[name]}" for name in sampling.NAMES if name in given and name != "stop"]
    return SamplingParams(stop=given.get("stop")).over(SamplingParams.parse(numbers))
