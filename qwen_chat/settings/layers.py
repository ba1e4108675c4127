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

API_KEY_VARIABLE = f"{PREFIX}API_KEY"
"""The variable of the API's key, which is no setting: unlike a flag, other users do not see it."""

_TEST_PREFIX = f"{PREFIX}TEST_"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a flag, a variable, a role, a file and its line, or the defaults."""

    kind: Literal["flag", "environment", "role", "file", "default"]
    name: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings and sampling parameters of one layer; `source_of` takes the name of one."""

    values: dict[str, Any]
    sampling: SamplingParams
    source_of: Callable[[str], Source]


@dataclass(frozen=True, slots=True)
class Layers:
    """All layers, the highest first."""

    flags: Layer
    environment: Layer
    file: Layer

    def merge(self) -> Settings:
        """Return the settings; a value of a higher layer wins."""
        above = self.environment.values | self.flags.values
        merged = self.file.values | above
        unset = {name: None for name, spec in SPECS.items() if spec.empty_unsets and not merged.get(name)}
        chosen = {
            "system": above.get("system"),
            "base_system": self.file.values.get("system"),
            "sampling": self.flags.sampling.over(self.environment.sampling),
            "base_sampling": self.file.sampling,
        }
        return Settings(**(merged | unset | chosen))


def config_path() -> Path:
    """Return the file of the settings; it need not exist."""
    return config_dir() / "config.toml"


def flag_of(name: str, *, off: bool = False) -> str:
    """Return the flag of a setting or a sampling parameter: --ctx-size, or --no-history for a switch."""
    return f"--{'no-' * off}{name.replace('_', '-')}"


def read_layers(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, path: Path | None = None
) -> Layers:
    """Check the given flags, and read the environment and config.toml, or the file at `path`.

    `flags` holds settings by name, and the sampling flags as one SamplingParams under "sampling".

    Raises: UsageError that names the flag, the variable, or the file and line at fault.
    """
    file, environment = _read_file(path or config_path()), _read_environment(environ)
    return Layers(_read_flags(flags), environment, file)


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, path: Path | None = None
) -> Settings:
    """Return the merged settings of all layers; the arguments are those of `read_layers`.

    Raises: UsageError.
    """
    return read_layers(flags, environ, path).merge()


def _read_flags(flags: Mapping[str, Any]) -> Layer:
    values = {
        name: SPECS[name].check(flag_of(name), value) for name, value in flags.items() if name != "sampling"
    }
    params = flags.get("sampling", SamplingParams())
    return Layer(values, params, lambda name: Source("flag", flag_of(name, off=values.get(name) is False)))


def _read_environment(environ: Mapping[str, str]) -> Layer:
    values: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith((_TEST_PREFIX, API_KEY_VARIABLE)):
            continue
        name = _setting_of(variable)
        if not text.strip():  # many people unset a variable by emptying it
            continue
        if name in SPECS:
            values[name] = SPECS[name].parse(variable, text.strip())
        else:
            params[name] = _parse_parameter(variable, name, text)
    return Layer(values, SamplingParams(**params), _environment_source)


def _environment_source(name: str) -> Source:
    return Source("environment", f"{PREFIX}{name.upper()}")


def _setting_of(variable: str) -> str:
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


def _read_file(path: Path) -> Layer:
    file = read_toml(path, missing_ok=True)
    file.check_keys({"": (*SPECS, "sampling"), "sampling": sampling.NAMES})
    values: dict[str, Any] = {}
    for name, spec in SPECS.items():
        if name in file.values:
            with file.locate_errors(name):
                values[name] = spec.check(name, file.values[name])

    def source_of(name: str) -> Source:
        return Source("file", str(path), file.line_of(name, "sampling" if name in sampling.NAMES else ""))

    return Layer(values, read_sampling(file), source_of)
