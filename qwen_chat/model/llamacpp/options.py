"""The options of a GGUF file; this module does not import the engine."""

from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog.survey import DEFAULT_CONTEXT
from qwen_chat.model.formats.gguf import GgufInfo
from qwen_chat.model.formats.rope_scaling import RopeScaling, choose

MIN_CONTEXT = 64
"""The smallest context: with a single token, llama.cpp ends the process."""


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """The options to open a GGUF file with.

    `ctx_size` 0 is the model's full context, None a moderate one; `cache_ram` is in MiB; `ignore_end`
    continues after end tokens; `prefill_speed` is what was measured with this file, in tokens per second.
    """

    ctx_size: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    cpu_only: bool = False
    kv_cache: str | None = None
    cache_ram: int = 512
    raw: bool = False
    ignore_end: bool = False
    lora: tuple[str, ...] = ()
    parallel: int = 4
    prefill_speed: float | None = None
    rope_scaling: str | None = None

    def context(self, info: GgufInfo) -> int:
        """Return the tokens of context to open a file with.

        Raises: ModelLoadError for a context that is too small, or larger than the model was trained for.
        """
        longest = info.context_length or DEFAULT_CONTEXT
        if self.ctx_size is None:
            return min(longest, DEFAULT_CONTEXT)
        if 0 < self.ctx_size < MIN_CONTEXT:
            raise ModelLoadError(
                f"--ctx-size {self.ctx_size}: use {MIN_CONTEXT} or more, or 0 for all there is"
            )
        if self.ctx_size > longest:
            raise ModelLoadError(f"--ctx-size {self.ctx_size}: {self._limit(info, longest)}")
        return self.ctx_size

    def _limit(self, info: GgufInfo, longest: int) -> str:
        """Return why there is no more context, and the mend."""
        scaling = self.scaling(info)
        if scaling is None or scaling.length < (self.ctx_size or 0):
            return f"this model was made for {longest}, use that or less"
        tool = f"gguf-set-metadata FILE {info.architecture}.context_length {scaling.length}"
        return (
            f"the file says {longest}, and llama.cpp serves no more; with {scaling}, it serves "
            f"{scaling.length} after `{tool}` (pip install gguf)"
        )

    def scaling(self, info: GgufInfo) -> RopeScaling | None:
        """Return how positions are stretched.

        Raises: ModelLoadError.
        """
        return choose(self.rope_scaling, info.rope_scaling, info.trained_length or DEFAULT_CONTEXT)

    def adapters(self) -> list[tuple[Path, float]]:
        """Return the files of the LoRA adapters, each with its scale.

        Raises: ModelLoadError for a file that does not exist.
        """
        adapters = [_parse_adapter(text) for text in self.lora]
        for text, (path, _) in zip(self.lora, adapters, strict=True):
            if not path.is_file():
                raise ModelLoadError(f"--lora {text}: no such file")
        return adapters


def _parse_adapter(text: str) -> tuple[Path, float]:
    """Return the path and the scale of an adapter, written as PATH or PATH:SCALE."""
    path, colon, scale = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(path), float(scale)
    except ValueError:
        return Path(text), 1.0
