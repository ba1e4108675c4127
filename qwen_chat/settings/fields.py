"""Every setting: its description here serves the flags, the environment and config.toml."""

from dataclasses import dataclass, field, fields
from typing import get_args

from qwen_chat.message import Think
from qwen_chat.roles import Role
from qwen_chat.roles.macros import DEFAULT_USER
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings.spec import Spec, spec

KV_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
"""What llama.cpp knows; torch knows the others."""

KV_CACHE_TORCH = ("int8", "int4", "fp8")
DTYPES = ("auto", "bfloat16", "float16", "float32")
ATTENTIONS = ("sdpa", "flash_attention_2", "eager")
THINKING: tuple[Think, ...] = get_args(Think)
QUANTIZATIONS = ("torchao-int8", "torchao-int4", "bnb-int8", "bnb-nf4")
HUBS = ("huggingface", "modelscope")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen; `base_` fields are the config file's, which a role overrides."""

    checkpoint_path: str | None = field(
        default=None, metadata=spec("text", "the model: a GGUF file, a folder, or a name")
    )
    hub: str = field(
        default="huggingface", metadata=spec("text", "where to fetch models by their name", choices=HUBS)
    )
    revision: str | None = field(
        default=None, metadata=spec("text", "branch, tag or commit to fetch; empty for the newest")
    )
    cpu_only: bool = field(default=False, metadata=spec("switch", "leave the GPU alone"))
    system: str | None = field(default=None, metadata=spec("text", "the system prompt; empty for none"))
    role: str | None = field(default=None, metadata=spec("text", "the role to play; empty for none"))
    user_name: str = field(default=DEFAULT_USER, metadata=spec("text", "what a role calls you"))
    ctx_size: int | None = field(
        default=None,
        metadata=spec("number", "tokens of context to keep; 0 for all that the model can", 0, 10_000_000),
    )
    threads: int | None = field(default=None, metadata=spec("number", "CPU threads to compute with", 1, 1024))
    gpu_layers: int | None = field(
        default=None,
        metadata=spec("number", "layers to put on the GPU; as many as fit unless given", 0, 10_000),
    )
    kv_cache: str | None = field(
        default=None,
        metadata=spec(
            "text", "number type of the context's memory", choices=(*KV_CACHE_TYPES, *KV_CACHE_TORCH)
        ),
    )
    cache_ram: int = field(
        default=512,
        metadata=spec("number", "MiB of memory for conversations that may go on", 0, 10_000_000),
    )
    device_map: str = field(
        default="auto",
        metadata=spec("text", "safetensors: auto, balanced, sequential, cpu, or a JSON file of devices"),
    )
    max_memory: tuple[str, ...] = field(
        default=(), metadata=spec("list", "safetensors: what weights may take, as 0=20GiB or cpu=64GiB")
    )
    dtype: str = field(
        default="auto", metadata=spec("text", "safetensors: number type to compute with", choices=DTYPES)
    )
    attn: str | None = field(
        default=None, metadata=spec("text", "safetensors: how attention is computed", choices=ATTENTIONS)
    )
    quantize: str | None = field(
        default=None,
        metadata=spec("text", "safetensors: make the weights smaller while loading", choices=QUANTIZATIONS),
    )
    prompt_lookup: int = field(
        default=0,
        metadata=spec("number", "safetensors: tokens to guess from the conversation, each step", 0, 100),
    )
    draft: str | None = field(
        default=None, metadata=spec("text", "safetensors: a smaller model that guesses ahead")
    )
    compile: bool = field(default=False, metadata=spec("switch", "safetensors: compile the model first"))
    think: Think = field(
        default="auto",
        metadata=spec("text", "whether a model that can reason does so before it answers", choices=THINKING),
    )
    raw: bool = field(
        default=False, metadata=spec("switch", "send text as it is, without a chat template: base models")
    )
    lora: tuple[str, ...] = field(
        default=(), metadata=spec("list", "adapters to apply, each PATH or PATH:SCALE")
    )
    parallel: int = field(default=4, metadata=spec("number", "answers written at the same time", 1, 64))
    history: bool = field(default=True, metadata=spec("switch", "save conversations and what is typed"))
    vi: bool = field(default=False, metadata=spec("switch", "edit what is typed with vi's keys"))
    plain: bool = field(default=False, metadata=spec("switch", "plain text: no colours, no formatting"))
    screen_reader: bool = field(
        default=False, metadata=spec("switch", "plain text, a sentence at a time, to be read aloud")
    )
    hide_thinking: bool = field(
        default=False, metadata=spec("switch", "show one line in place of a model's reasoning")
    )
    quiet: bool = field(default=False, metadata=spec("switch", "show only the answers"))
    verbose: bool = field(
        default=False, metadata=spec("switch", "after each answer, show in full what it took")
    )
    sampling: SamplingParams = field(default_factory=SamplingParams)
    base_system: str | None = None
    base_sampling: SamplingParams = field(default_factory=SamplingParams)

    def params(self, role: Role | None) -> SamplingParams:
        """Return the sampling parameters to use while `role` is played; the gaps are the checkpoint's."""
        below = role.sampling.over(self.base_sampling) if role else self.base_sampling
        return self.sampling.over(below)

    def system_prompt(self, role: Role | None) -> str | None:
        """Return the system prompt to use while `role` is played: "" for none, None for the checkpoint's."""
        if self.system is not None:
            return self.system
        return role.system if role else self.base_system


SPECS: dict[str, Spec] = {item.name: item.metadata["spec"] for item in fields(Settings) if item.metadata}
