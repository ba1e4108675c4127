"""How a safetensors checkpoint is opened; known without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """Where the weights go and how they compute; None leaves a choice to the engine.

    `device_map` is auto, balanced, sequential, cpu, or a JSON file of module -> device; `max_memory` has
    items like 0=20GiB and cpu=64GiB; `cache_ram` is in MiB; `ignore_end` writes on past end tokens.
    """

    ctx_size: int | None = None
    threads: int | None = None
    cpu_only: bool = False
    device_map: str = "auto"
    max_memory: tuple[str, ...] = ()
    dtype: str = "auto"
    attn: str | None = None
    quantize: str | None = None
    kv_cache: str | None = None
    cache_ram: int = 512
    prompt_lookup: int = 0
    draft: str | None = None
    compile: bool = False
    raw: bool = False
    ignore_end: bool = False
