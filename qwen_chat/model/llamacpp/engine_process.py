"""The program of the engine's process: opens a GGUF file with llama.cpp's server, and ends with the chat.

The chat starts this file with an isolated interpreter, which is ready sooner. One line of JSON on standard
input says where to import from and what to open. The answer, one line of JSON on standard output, is the
address of the server. Then the process serves until standard input closes, as it does when the chat ends.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> None:
    """Serve a model until standard input closes."""
    answers = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # what a library prints must not be taken for the answer
    request = json.loads(sys.stdin.buffer.readline())
    socket_path = request["socket"]
    watcher = Thread(target=_wait_for_end, args=[socket_path], daemon=True)
    watcher.start()
    with _killed_with_parent():
        sys.path[:] = request["path"]
        server = _open_server(request)
    os.write(answers, json.dumps({"address": server.listening_address}).encode() + b"\n")
    os.close(answers)
    _share_cpus(request["threads"])
    watcher.join()


def _share_cpus(threads: int) -> None:
    from qwen_chat.model import core_share  # the path is known now, and the model loaded

    core_share.start(threads)


def _wait_for_end(socket_path: str | None) -> None:
    """Wait until standard input closes; then remove the socket with its folder, and end the process."""
    while os.read(_STDIN, 1):
        """Nothing more is sent."""
    if socket_path is not None:
        with suppress(OSError):
            Path(socket_path).unlink()
        with suppress(OSError):
            Path(socket_path).parent.rmdir()
    os._exit(0)


@contextmanager
def _killed_with_parent() -> Iterator[None]:
    """Let the kernel kill this process when standard input closes, as far as it can.

    While a model loads, llama.cpp holds Python's lock, and a thread would not see that standard input closed.
    """
    if sys.platform != "linux":
        yield
        return
    import fcntl
    import select

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
    flags = fcntl.fcntl(_STDIN, fcntl.F_GETFL)
    fcntl.fcntl(_STDIN, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(_STDIN, fcntl.F_SETFL, flags | os.O_ASYNC)
    poll = select.poll()
    poll.register(_STDIN, select.POLLHUP)
    if poll.poll(0):  # it closed before the kernel was asked
        os._exit(0)
    yield
    fcntl.fcntl(_STDIN, fcntl.F_SETFL, flags)


def _open_server(request: dict[str, Any]) -> Any:  # noqa: ANN401 - xllamacpp has no types
    import xllamacpp

    params = xllamacpp.CommonParams()
    for name, value in request["params"].items():
        setattr(params, name, value)
    params.model.path = request["model"]
    params.cpuparams.n_threads = request["threads"]
    params.cache_type_k = params.cache_type_v = getattr(xllamacpp.ggml_type, request["kv_type"])
    if (rope := request["rope_scaling"]) is not None:
        kind = f"LLAMA_ROPE_SCALING_TYPE_{rope['kind']}"
        params.rope_scaling_type = getattr(xllamacpp.llama_rope_scaling_type, kind)
        params.rope_freq_scale, params.yarn_orig_ctx = rope["scale"], rope["trained"]
    params.lora_adapters = [_lora(xllamacpp, *adapter) for adapter in request["lora"]]
    if request["use_gpu"] and _has_gpu(xllamacpp):
        params.fit_params = request["fit_gpu"]
    else:
        params.n_batch = request["cpu_batch"]
    return xllamacpp.Server(params)


def _has_gpu(xllamacpp: Any) -> bool:  # noqa: ANN401
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != cpu for device in xllamacpp.get_device_info())


def _lora(xllamacpp: Any, path: str, scale: float) -> Any:  # noqa: ANN401
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, scale
    return adapter


if __name__ == "__main__":
    main()
