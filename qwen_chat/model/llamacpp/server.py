"""Opens a GGUF file with llama.cpp's server in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from qwen_chat.errors import ModelLoadError, as_load_error, model_errors
from qwen_chat.model.formats.gguf import GgufInfo, part_paths
from qwen_chat.model.llamacpp.http_client import Endpoint
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.llamacpp.template import patch_template

_LARGE_BYTES = 1 << 29
"""Files larger than this are read into memory before the engine opens them."""

_BLOCK_BYTES = 1 << 24

_MEND = (
    " Too little memory, or a model newer than this llama.cpp: try --ctx-size 2048, "
    "or pip install --upgrade xllamacpp"
)

_CPU_BATCHES = ((1 << 29, 64), (1 << 31, 32))
_SMALLEST_CPU_BATCH = 16
"""Prompt tokens per batch, by the size of the file; llama.cpp cannot be stopped within a batch.

On a CPU one batch takes a quarter to half a second; smaller batches would be a tenth slower, or worse.
"""


class Server(Protocol):
    """The part of xllamacpp.Server that is used here."""

    listening_address: str

    def handle_completions(self, request: dict[str, Any], callback: Callable[[Any], bool], /) -> None:
        """Answer a request event by event until it ends or the callback returns True; blocks."""


def open_server(
    path: Path,
    info: GgufInfo,
    options: LlamaCppOptions,
    endpoint: Endpoint,
    report_progress: Callable[[float], None] | None = None,
) -> Server:
    """Open a file, and return the server that answers from it and listens at the endpoint.

    `report_progress` gets the share of the file that is in memory, from 0 to 1.

    Raises: ModelLoadError.
    """
    try:
        with model_errors(lambda error: _load_error(path, info, error)):
            if info.file_bytes > _LARGE_BYTES:
                _read_ahead(path, info.file_bytes, report_progress or (lambda _: None))
            return _start_server(path, info, options, endpoint)
    except BaseException:
        endpoint.close()
        raise


def _load_error(path: Path, info: GgufInfo, error: BaseException) -> ModelLoadError:
    return as_load_error(error, f"llama.cpp cannot open {path} ({info.architecture})", mend=_MEND)


def _read_ahead(path: Path, total_bytes: int, report_progress: Callable[[float], None]) -> None:
    """Read the files into memory: llama.cpp holds Python's lock while it waits for a disk; this does not."""
    read_bytes = 0
    for part in part_paths(path):
        with part.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                read_bytes += len(block)
                report_progress(min(1.0, read_bytes / total_bytes))


def _start_server(path: Path, info: GgufInfo, options: LlamaCppOptions, endpoint: Endpoint) -> Server:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    if (template := patch_template(info.chat_template)) is not None:
        params.chat_template = template
    _set_context(xllamacpp, params, info, options)
    _set_devices(params, info, options, has_gpu=not options.cpu_only and _has_gpu(xllamacpp))
    params.lora_adapters = [_lora(xllamacpp, *adapter) for adapter in options.adapters()]
    params.warmup = False
    params.ui = False
    params.n_threads_http = 2
    params.hostnames = [endpoint.host]
    params.api_keys = [endpoint.key]
    params.verbosity = -1
    server: Server = xllamacpp.Server(params)
    return server


def _set_context(xllamacpp: Any, params: Any, info: GgufInfo, options: LlamaCppOptions) -> None:  # noqa: ANN401
    params.n_ctx = options.context(info)
    params.n_parallel = options.parallel
    # All answers share one context: one may use all of it while the others are short.
    params.kv_unified = True
    params.cache_type_k = params.cache_type_v = _kv_type(xllamacpp, options.kv_cache or "f16")
    params.cache_ram_mib = options.cache_ram


def _set_devices(params: Any, info: GgufInfo, options: LlamaCppOptions, *, has_gpu: bool) -> None:  # noqa: ANN401
    params.cpuparams.n_threads = options.threads or -1
    params.n_gpu_layers = 0 if options.cpu_only else -1 if options.gpu_layers is None else options.gpu_layers
    # To fit the layers to a GPU's memory, llama.cpp opens the model twice.
    params.fit_params = has_gpu and options.gpu_layers is None
    params.no_kv_offload = options.cpu_only
    params.n_batch = params.n_batch if has_gpu else max(_cpu_batch(info.file_bytes), options.parallel)


def _has_gpu(xllamacpp: Any) -> bool:  # noqa: ANN401
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != cpu for device in xllamacpp.get_device_info())


def _cpu_batch(file_bytes: int) -> int:
    return next((batch for limit, batch in _CPU_BATCHES if file_bytes < limit), _SMALLEST_CPU_BATCH)


def _kv_type(xllamacpp: Any, name: str) -> Any:  # noqa: ANN401
    return getattr(xllamacpp.ggml_type, f"GGML_TYPE_{name.upper()}")


def _lora(xllamacpp: Any, path: Path, scale: float) -> Any:  # noqa: ANN401
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = str(path), scale
    return adapter
