"""Settings: flag, then environment, then role, then config.toml, then the checkpoint's own defaults.

Each setting is one field of `Settings`: its description there serves the flags, the environment and the file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from qwen_chat import sampling, toml_file
from qwen_chat.directories import config_dir
from qwen_chat.errors import UsageError
from qwen_chat.message import Think
from qwen_chat.presets import Preset, read_sampling
from qwen_chat.sampling import SamplingParams

KV_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What llama.cpp knows; torch knows the others."""

KV_CACHE_TORCH = ("int8", "int4", "fp8")
DTYPES = ("auto", "bfloat16", "float16", "float32")
ATTENTIONS = ("sdpa", "flash_attention_2", "eager")
THINKING: tuple[Think, ...] = get_args(Think)
QUANTIZATIONS = ("torchao-int8", "torchao-int4", "bnb-int8", "bnb-nf4")
HUBS = ("huggingface", "modelscope")
PREFIX = "QWEN_CHAT_"

Kind = Literal["text", "number", "switch", "list"]

_Layer = tuple[dict[str, Any], SamplingParams]
_SWITCH_WORDS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a setting means, and which values fit it."""

    kind: Kind
    help: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """Say which values fit, to follow the words "must be"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        ranged = f"a whole number from {self.low:,} to {self.high:,}"
        return {"number": ranged, "switch": "true or false", "list": "a list of texts, none empty"}.get(
            self.kind, "text in quotes"
        )

    def check(self, label: str, value: object) -> object:
        """Return the value as `Settings` holds it; `label` is what a person calls the setting.

        Raises: UsageError when it does not fit.
        """
        if not self._fits(value):
            raise UsageError(f"{label} must be {self.wanted}")
        return tuple(value) if isinstance(value, list) else value

    def parse(self, label: str, text: str) -> object:
        """Return the value that `text` in the environment stands for.

        Raises: UsageError when it does not fit.
        """
        if self.kind == "switch":
            return self.check(label, _SWITCH_WORDS.get(text.lower()))
        if self.kind == "list":
            return self.check(label, tuple(part.strip() for part in text.split(",")))
        return self.check(label, _whole_number(text) if self.kind == "number" else text)

    def _fits(self, value: object) -> bool:
        match self.kind:
            case "switch":
                return isinstance(value, bool)
            case "number":
                return (
                    isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
                )
            case "list":
                return isinstance(value, list | tuple) and all(_is_text(item) and item for item in value)
        return _is_text(value) and (not self.choices or value in self.choices)


def _spec(
    kind: Kind, help: str, low: int = 0, high: int = 0, choices: tuple[str, ...] = ()
) -> dict[str, Spec]:
    return {"spec": Spec(kind, help, low, high, choices)}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen; `base_` fields are the config file's, which a role overrides."""

    checkpoint_path: str | None = field(
        default=None, metadata=_spec("text", "the model: a GGUF file, a folder, or a name")
    )
    hub: str = field(
        default="huggingface", metadata=_spec("text", "where to fetch models by their name", choices=HUBS)
    )
    revision: str | None = field(
        default=None, metadata=_spec("text", "branch, tag or commit to fetch; empty for the newest")
    )
    cpu_only: bool = field(default=False, metadata=_spec("switch", "leave the GPU alone"))
    system: str | None = field(default=None, metadata=_spec("text", "the system prompt; empty for none"))
    role: str | None = field(default=None, metadata=_spec("text", "the role to play; empty for none"))
    ctx_size: int | None = field(
        default=None,
        metadata=_spec("number", "tokens of context to keep; 0 for all that the model can", 0, 10_000_000),
    )
    threads: int | None = field(
        default=None, metadata=_spec("number", "CPU threads to compute with", 1, 1024)
    )
    gpu_layers: int | None = field(
        default=None,
        metadata=_spec("number", "layers to put on the GPU; as many as fit unless given", 0, 10_000),
    )
    kv_cache: str | None = field(
        default=None,
        metadata=_spec(
            "text", "number type of the context's memory", choices=(*KV_CACHE_TYPES, *KV_CACHE_TORCH)
        ),
    )
    cache_ram: int = field(
        default=512,
        metadata=_spec("number", "MiB of memory for conversations that may go on", 0, 10_000_000),
    )
    device_map: str = field(
        default="auto",
        metadata=_spec("text", "safetensors: auto, balanced, sequential, cpu, or a JSON file of devices"),
    )
    max_memory: tuple[str, ...] = field(
        default=(), metadata=_spec("list", "safetensors: what weights may take, as 0=20GiB or cpu=64GiB")
    )
    dtype: str = field(
        default="auto", metadata=_spec("text", "safetensors: number type to compute with", choices=DTYPES)
    )
    attn: str | None = field(
        default=None, metadata=_spec("text", "safetensors: how attention is computed", choices=ATTENTIONS)
    )
    quantize: str | None = field(
        default=None,
        metadata=_spec("text", "safetensors: make the weights smaller while loading", choices=QUANTIZATIONS),
    )
    prompt_lookup: int = field(
        default=0,
        metadata=_spec("number", "safetensors: tokens to guess from the conversation, each step", 0, 100),
    )
    draft: str | None = field(
        default=None, metadata=_spec("text", "safetensors: a smaller model that guesses ahead")
    )
    compile: bool = field(default=False, metadata=_spec("switch", "safetensors: compile the model first"))
    think: Think = field(
        default="auto",
        metadata=_spec("text", "whether a model that can reason does so before it answers", choices=THINKING),
    )
    raw: bool = field(
        default=False, metadata=_spec("switch", "send text as it is, without a chat template: base models")
    )
    lora: tuple[str, ...] = field(
        default=(), metadata=_spec("list", "adapters to apply, each PATH or PATH:SCALE")
    )
    parallel: int = field(default=4, metadata=_spec("number", "answers written at the same time", 1, 64))
    history: bool = field(default=True, metadata=_spec("switch", "save conversations and what is typed"))
    plain: bool = field(default=False, metadata=_spec("switch", "plain text: no colours, no formatting"))
    quiet: bool = field(default=False, metadata=_spec("switch", "show only the answers"))
    sampling: SamplingParams = field(default_factory=SamplingParams)
    base_system: str | None = None
    base_sampling: SamplingParams = field(default_factory=SamplingParams)

    def params(self, role: Preset | None) -> SamplingParams:
        """Return the sampling parameters to use while `role` is played; the gaps are the checkpoint's."""
        below = role.sampling.over(self.base_sampling) if role else self.base_sampling
        return self.sampling.over(below)

    def system_prompt(self, role: Preset | None) -> str | None:
        """Return the system prompt to use while `role` is played: "" for none, None for the checkpoint's."""
        if self.system is not None:
            return self.system
        return role.system if role else self.base_system


SPECS: dict[str, Spec] = {item.name: item.metadata["spec"] for item in fields(Settings) if item.metadata}
VARIABLES: dict[str, str] = {f"{PREFIX}{name.upper()}": name for name in (*SPECS, *sampling.NAMES)}


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ, path: Path | None = None
) -> Settings:
    """Merge the flags given, the environment and config.toml, or the file at `path`.

    `flags` holds settings by name, and the sampling flags as one SamplingParams under "sampling".

    Raises: UsageError naming the flag, the variable, or the file and line that is at fault.
    """
    below, base_sampling = _from_file(path or config_dir() / "config.toml")
    env, env_sampling = _from_environment(environ)
    given, flag_sampling = _from_flags(flags)
    above = env | given
    merged = below | above
    for name in ("checkpoint_path", "role", "revision", "draft"):
        merged[name] = merged.get(name) or None
    chosen = {
        "system": above.get("system"),
        "base_system": below.get("system"),
        "sampling": flag_sampling.over(env_sampling),
        "base_sampling": base_sampling,
    }
    return Settings(**(merged | chosen))


def _from_flags(flags: Mapping[str, Any]) -> _Layer:
    given = {
        name: SPECS[name].check(f"--{name.replace('_', '-')}", value)
        for name, value in flags.items()
        if name != "sampling"
    }
    return given, flags.get("sampling", SamplingParams())


def _from_environment(environ: Mapping[str, str]) -> _Layer:
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
    return values, SamplingParams(**chosen)


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


def _from_file(path: Path) -> _Layer:
    file = toml_file.read(path, missing_ok=True)
    file.check_keys({"": (*SPECS, "sampling"), "sampling": sampling.NAMES})
    values: dict[str, Any] = {}
    for name, spec in SPECS.items():
        if name in file.values:
            with file.located(name):
                values[name] = spec.check(name, file.values[name])
    return values, read_sampling(file)


def _whole_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
