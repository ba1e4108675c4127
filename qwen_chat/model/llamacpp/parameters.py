"""What the engine's process is told to open, and how."""

from math import ceil
from pathlib import Path
from typing import Any

from qwen_chat.model.formats.gguf import GgufInfo
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.processors import usable_cores

_BATCH_SECONDS = 0.5
"""How long one batch of prompt tokens should take: llama.cpp cannot be stopped within a batch."""

_MIN_BATCH, _MAX_BATCH = 32, 512
"""The smallest is a fifth slower than the largest, or worse; each batch is a multiple of the smallest."""

_BATCHES_BY_BYTES = ((1 << 29, 64), (1 << 31, 32))
_SMALLEST_BATCH = 16
"""Prompt tokens per batch by the size of the file, while the speed of the model is not known."""

_WRITE_SECONDS = 2_000_000
"""An answer waits 23 days for its reader, as in a suspended chat: more milliseconds do not fit 31 bits."""

_ERRORS_ONLY = 1


def engine_request(path: Path, info: GgufInfo, options: LlamaCppOptions) -> dict[str, Any]:
    """Return the request to open a file, as JSON.

    Raises: ModelLoadError for options that the file does not allow.
    """
    return {
        "model": str(path),
        "threads": options.threads or usable_cores(),
        "kv_type": f"GGML_TYPE_{(options.kv_cache or 'f16').upper()}",
        "rope_scaling": _rope_scaling(info, options),
        "lora": [(str(adapter), scale) for adapter, scale in options.adapters()],
        "use_gpu": not options.cpu_only,
        # To fit the layers to a GPU's memory, llama.cpp opens the model twice.
        "fit_gpu": options.gpu_layers is None,
        "cpu_batch": max(_cpu_batch(info.file_bytes, options.prefill_speed), options.parallel),
        "params": _params(info, options),
    }


def _params(info: GgufInfo, options: LlamaCppOptions) -> dict[str, Any]:
    """Return parameters by their names in xllamacpp."""
    return {
        # The checkpoint's own is never read by llama.cpp, which gives up on some.
        "chat_template": "chatml",
        "n_ctx": options.context(info),
        "n_parallel": options.parallel,
        # All answers share one context: one may use all of it while the others are short.
        "kv_unified": True,
        "cache_ram_mib": options.cache_ram,
        "n_gpu_layers": _gpu_layers(options),
        "no_kv_offload": options.cpu_only,
        "fit_params": False,
        "warmup": False,
        "ui": False,
        # Each answer holds a thread, also one that was stopped and still ends its batch; the rest tokenize.
        "n_threads_http": 2 * options.parallel + 2,
        "timeout_write": _WRITE_SECONDS,
        "verbosity": _ERRORS_ONLY,
    }


def _rope_scaling(info: GgufInfo, options: LlamaCppOptions) -> dict[str, Any] | None:
    """Return how to stretch positions, where the file's own way is not to be used."""
    if options.rope_scaling is None:
        return None
    scaling = options.scaling(info)
    if scaling is None:
        return {"kind": "NONE", "scale": 1.0, "trained": 0}
    return {"kind": scaling.kind.upper(), "scale": 1 / scaling.factor, "trained": scaling.trained}


def _gpu_layers(options: LlamaCppOptions) -> int:
    if options.cpu_only:
        return 0
    return -1 if options.gpu_layers is None else options.gpu_layers


def _cpu_batch(file_bytes: int, tokens_per_second: float | None) -> int:
    """Return how many prompt tokens to read at a time on a CPU."""
    if tokens_per_second is None:
        return next((batch for limit, batch in _BATCHES_BY_BYTES if file_bytes < limit), _SMALLEST_BATCH)
    return min(ceil(tokens_per_second * _BATCH_SECONDS / _MIN_BATCH) * _MIN_BATCH, _MAX_BATCH)
