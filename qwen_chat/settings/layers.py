"""The layers of settings, read and checked: flags, environment, config.toml."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from qwen_chat import sampling
from qwen_chat.errors import UsageError
from qwen_chat.files.paths import config_dir
from qwen_chat.files.toml import read_toml
from qwen_chat.roles import read_sampling
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings.fields import SPECS, Settings

PREFIX = "QWEN_CHAT_"
VARIABLES: dict[str, str] = {f"{PREFIX}{name.upper()}": name for name in (*SPECS, *sampling.NAMES)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was said: a flag, a variable, a file and its line, or nowhere."""

    kind: Literal["flag", "environment", "role", "file", "default"]
    name: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says, and where it says a setting or a sampling parameter."""

    values: dict[str, Any]
    sampling: SamplingParams
    place: Callable[[str], Place]


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers, the highest first."""

    flags: Layer
    environment: Layer
    file: Layer

    def merged(self) -> Settings:
        """Return the settings that they give together."""
        above = self.environment.values | self.flags.values
        merged = self.file.values | above
        for name in ("checkpoint_path", "role", "revision", "draft"):
            merged[name] = merged.get(name) or None
        chosen = {
            "system": above.get("system"),
            "base_system": self.file.values.get("system"),
            "sampling": self.flags.sampling.over(self.environment.sampling),
            "base_sampling": self.file.sampling,
        }
        return Settings(**(merged | chosen))


def config_path() -> Path:
    """Return the file of the settings; it need not exist."""
    return config_dir() / "config.toml"


def read_layers(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, path: Path | None = None
) -> Layers:
    """Read the flags given, the environment and config.toml, or the file at `path`.

    `flags` holds settings by name, and the sampling flags as one SamplingParams under "sampling".

    Raises: UsageError naming the flag, the variable, or the file and line that is at fault.
    """
    file, environment = _from_file(path or config_path()), _from_environment(environ)
    return Layers(_from_flags(flags), environment, file)


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, path: Path | None = None
) -> Settings:
    """Merge what `read_layers` reads.

    Raises: UsageError.
    """
    return read_layers(flags, environ, path).merged()


def _from_flags(flags: Mapping[str, Any]) -> Layer:
    given = {
        name: SPECS[name].check(_flag(name), value) for name, value in flags.items() if name != "sampling"
    }
    chosen = flags.get("sampling", SamplingParams())
    return Layer(given, chosen, lambda name: Place("flag", _flag(name, off=given.get(name) is False)))


def _flag(name: str, *, off: bool = False) -> str:
    return f"--{'no-' * off}{name.replace('_', '-')}"


def _from_environment(environ: Mapping[str, str]) -> Layer:
    values: dict[str, Any] = {}
    chosen: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(f"{PREFIX}TEST_"):
            continue
        name = _variable_name(variable)
        if not text.strip():  # emptying a variable is how many people unset it
            continue
        if name in SPECS:
            values[name] = SPECS[name].parse(variable, text.strip())
        else:
            chosen[name] = _parse_parameter(variable, name, text)
    return Layer(
        values, SamplingParams(**chosen), lambda name: Place("environment", f"{PREFIX}{name.upper()}")
    )


def _variable_name(variable: str) -> str:
    if variable not in VARIABLES:
        # The prefix they share would make any two variables look alike.
        close = get_close_matches(variable.removeprefix(PREFIX).lower(), VARIABLES.values(), n=1)
        hint = f"did you mean {PREFIX}{close[0].upper()}?" if close else "unset it"
        raise UsageError(f"unknown environment variable {variable}: {hint}")
    return VARIABLES[variable]


def _parse_parameter(variable: str, name: str, text: str) -> object:
    try:
        return sampling.parse_assignment(f"{name}={text}")[1]
    except (UsageError, OverflowError) as error:
        raise UsageError(f"{variable}: {' '.join(str(error).split())}") from None


def _from_file(path: Path) -> Layer:
    file = read_toml(path, missing_ok=True)
    file.check_keys({"": (*SPECS, "sampling"), "sampling": sampling.NAMES})
    values: dict[str, Any] = {}
    for name, spec in SPECS.items():
        if name in file.values:
            with file.locate_errors(name):
                values[name] = spec.check(name, file.values[name])

    def place(name: str) -> Place:
        return Place("file", str(path), file.line_of(name, "sampling" if name in sampling.NAMES else ""))

    return Layer(values, read_sampling(file), place)
