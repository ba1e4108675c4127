"""Every setting: its description here serves the flags, the environment, config.toml and the page."""

from dataclasses import dataclass, field, fields
from typing import Any, get_args

from qwen_chat.message import Think
from qwen_chat.roles import Role
from qwen_chat.roles.macros import DEFAULT_USER
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings.spec import Scope, Spec

HUBS = ("huggingface", "modelscope")

EMBEDDED_MODELS = ("qwen2.5-coder-0.5b", "smollm2-135m")
"""The models that come with qwen-chat; the first is the default."""


def _text(scope: Scope, help: str, default: str | None = None, **spec: Any) -> Any:  # noqa: ANN401 - a field
    return field(default=default, metadata={"spec": Spec("text", scope, help, **spec)})


def _number(scope: Scope, help: str, low: int, high: int, default: int | None = None) -> Any:  # noqa: ANN401
    return field(default=default, metadata={"spec": Spec("number", scope, help, low, high)})


def _switch(scope: Scope, help: str, *, default: bool = False) -> Any:  # noqa: ANN401
    return field(default=default, metadata={"spec": Spec("switch", scope, help)})


def _list(scope: Scope, help: str, **spec: Any) -> Any:  # noqa: ANN401
    return field(default=(), metadata={"spec": Spec("list", scope, help, **spec)})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen; the `base_` fields are those of config.toml, which a role overrides."""

    checkpoint_path: str | None = _text(
        "checkpoint",
        "the model: a GGUF file, a folder, or a name",
        completes="model",
        short_flag="-c",
        empty_unsets=True,
    )
    embedded: str = _text(
        "checkpoint",
        "the model to talk with when none is named",
        EMBEDDED_MODELS[0],
        choices=EMBEDDED_MODELS,
    )
    hub: str = _text("checkpoint", "where to fetch models by their name", HUBS[0], choices=HUBS)
    revision: str | None = _text(
        "checkpoint", "branch, tag or commit to fetch; empty for the newest", empty_unsets=True
    )
    cpu_only: bool = _switch("model", "do not use the GPU")
    system: str | None = _text("chat", "the system prompt; empty for none")
    role: str | None = _text("chat", "the role to play; empty for none", completes="role", empty_unsets=True)
    user_name: str = _text("chat", "what a role calls you", DEFAULT_USER)
    ctx_size: int | None = _number(
        "model", "tokens of context to keep; 0 for all that the model can", 0, 10_000_000
    )
    rope_scaling: str | None = _text(
        "model",
        "stretch positions for a longer context: yarn:4, linear:2, or none; the model's own unless given",
        empty_unsets=True,
    )
    threads: int | None = _number("model", "CPU threads to compute with", 1, 1024)
    gpu_layers: int | None = _number(
        "llama.cpp", "layers to put on the GPU; as many as fit unless given", 0, 10_000
    )
    kv_cache: str | None = _text(
        "model",
        "number type of the context's memory",
        engine_choices={
            "llama.cpp": ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"),
            "torch": ("int8", "int4", "fp8"),
        },
    )
    cache_ram: int = _number("model", "MiB of memory for conversations that may go on", 0, 10_000_000, 512)
    device_map: str = _text(
        "torch",
        "safetensors: auto, balanced, sequential, cpu, or a JSON file of devices",
        "auto",
        suggestions=("auto", "balanced", "sequential", "cpu"),
        completes="file",
    )
    max_memory: tuple[str, ...] = _list(
        "torch", "safetensors: memory that the weights may take, as 0=20GiB or cpu=64GiB"
    )
    dtype: str = _text(
        "torch",
        "safetensors: number type to compute with",
        "auto",
        choices=("auto", "bfloat16", "float16", "float32"),
    )
    attn: str | None = _text(
        "torch",
        "safetensors: how attention is computed",
        choices=("sdpa", "flash_attention_2", "eager"),
    )
    quantize: str | None = _text(
        "torch",
        "safetensors: make the weights smaller while loading",
        choices=("torchao-int8", "torchao-int4", "bnb-int8", "bnb-nf4"),
    )
    prompt_lookup: int = _number(
        "torch", "safetensors: tokens to guess from the conversation at each step", 0, 100, 0
    )
    strip_prefix: str | None = _text(
        "torch", "safetensors: what the names of all weights begin with, to be left out", empty_unsets=True
    )
    draft: str | None = _text(
        "torch", "safetensors: a smaller model that guesses ahead", completes="model", empty_unsets=True
    )
    compile: bool = _switch("torch", "safetensors: compile the model first")
    think: Think = _text(  # noqa: RUF009 - it returns a field
        "chat",
        "whether a model that can reason does so before it answers",
        "auto",
        choices=get_args(Think),
    )
    raw: bool = _switch("model", "send text as it is, without a chat template: for base models")
    lora: tuple[str, ...] = _list("llama.cpp", "adapters to apply, each PATH or PATH:SCALE", completes="file")
    parallel: int = _number("model", "answers written at the same time", 1, 64, 4)
    history: bool = _switch("chat", "save conversations and what is typed", default=True)
    vi: bool = _switch("terminal", "edit what is typed with vi's keys")
    plain: bool = _switch("terminal", "plain text: no colours, no formatting")
    screen_reader: bool = _switch("terminal", "plain text, a sentence at a time, to be read aloud")
    hide_thinking: bool = _switch("terminal", "show one line in place of a model's reasoning")
    quiet: bool = _switch("terminal", "show only the answers")
    verbose: bool = _switch("terminal", "show all timings after each answer")
    sampling: SamplingParams = field(default_factory=SamplingParams)
    base_system: str | None = None
    base_sampling: SamplingParams = field(default_factory=SamplingParams)

    def params(self, role: Role | None) -> SamplingParams:
        """Return the sampling parameters while `role` is played; unset ones are left to the checkpoint."""
        below = role.sampling.over(self.base_sampling) if role else self.base_sampling
        return self.sampling.over(below)

    def system_prompt(self, role: Role | None) -> str | None:
        """Return the system prompt while `role` is played: "" for none, None for the checkpoint's."""
        if self.system is not None:
            return self.system
        return role.system if role else self.base_system


SPECS: dict[str, Spec] = {item.name: item.metadata["spec"] for item in fields(Settings) if item.metadata}
