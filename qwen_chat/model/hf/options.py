"""The options of the torch engine; this module does not import torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformersOptions:
    """How to place and run the weights; with None the engine chooses.

    `device_map` is auto, balanced, sequential, cpu, or a JSON file of module -> device; `max_memory` has
    items like 0=20GiB and cpu=64GiB; `strip_prefix` is what the names of the weights
    begin with; `cache_ram` is in MiB; `ignore_end` generates past end tokens.
    """

    ctx_size: int | None = None
    threads: int | None = None
    cpu_only: bool = False
    device_map: str = "auto"
    max_memory: tuple[str, ...] = ()
    dtype: str = "auto"
    strip_prefix: str | None = None
    attn: str | None = None
    quantize: str | None = None
    kv_cache: str | None = None
    cache_ram: int = 512
    prompt_lookup: int = 0
    draft: str | None = None
    compile: bool = False
    raw: bool = False
    ignore_end: bool = False
    rope_scaling: str | None = None
