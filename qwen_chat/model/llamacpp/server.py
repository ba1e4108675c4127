"""llama.cpp's server for one model: it is started anew by itself if its process ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Lock

from qwen_chat import i18n
from qwen_chat.errors import ModelError, ModelLoadError, as_load_error, as_model_error, model_errors
from qwen_chat.model.formats.gguf import GgufInfo, part_paths
from qwen_chat.model.llamacpp.connection import EngineConnection
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.llamacpp.parameters import engine_request
from qwen_chat.model.llamacpp.process import EngineProcess

_LARGE_BYTES = 1 << 29
"""Files larger than this are read into memory while the engine opens them, to tell how far it is."""

_BLOCK_BYTES = 1 << 24

_ENDING_SECONDS = 5.0
"""The longest time from the end of a process's connections to its own end, which may free much memory."""

_MEND = "; if the file is whole, it may be newer than this llama.cpp: pip install --upgrade xllamacpp"


class LlamaServer:
    """The server that answers from a GGUF file.

    `report_progress` gets the share of the file that is in memory, from 0 to 1.

    Raises: ModelLoadError when the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        info: GgufInfo,
        options: LlamaCppOptions,
        report_progress: Callable[[float], None] | None = None,
    ) -> None:
        self._name = name
        self._load_errors = partial(model_errors, partial(_load_error, path, info))
        self._lock = Lock()
        self._closed = False
        with self._load_errors():
            self._request = engine_request(path, info, options)
            self._process = EngineProcess(self._request)
            try:
                if info.file_bytes > _LARGE_BYTES:
                    _read_ahead(path, info.file_bytes, report_progress or (lambda _: None))
                self._wait_until_loaded()
            except BaseException:
                self._process.close()
                raise

    @property
    def pid(self) -> int:
        """The id of the process that answers."""
        return self._process.pid

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[EngineConnection]:
        """Return a new connection for the block; if the engine has ended, it is started again.

        With a timeout in seconds, an engine that is silent for longer is a fault.

        Raises: ModelError for a fault of the connection, which says whether the engine ended; ModelLoadError
        when it cannot be started again.
        """
        process, connection = self._connect(timeout)
        try:
            yield connection
        except (OSError, HTTPException) as error:
            raise self._explain(process, error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """End the engine and its answers; a second call does nothing."""
        self._closed = True
        self._process.close()

    def _connect(self, timeout: float | None) -> tuple[EngineProcess, EngineConnection]:
        process = self._running()
        try:
            return process, process.connect(timeout)
        except (ConnectionRefusedError, FileNotFoundError):
            # It is ending just now.
            process.ending(_ENDING_SECONDS)
            process = self._running()
            return process, process.connect(timeout)

    def _running(self) -> EngineProcess:
        with self._lock:
            if not self._closed and self._process.ending() is not None:
                self._process.close()
                with self._load_errors():
                    self._process = EngineProcess(self._request)
                    self._wait_until_loaded()
            self._check_open()
            return self._process

    def _wait_until_loaded(self) -> None:
        loaded = self._process.wait_until_loaded()
        self._check_open()
        if loaded:
            return
        ending = self._process.ending(_ENDING_SECONDS)
        if ending is not None and ending.out_of_memory:
            raise MemoryError
        raise RuntimeError("its process does not answer" if ending is None else ending.reason)

    def _check_open(self) -> None:
        """Raise ModelError, and end a process that was being started, if this was closed."""
        if self._closed:
            self._process.close()
            raise ModelError(f"{self._name} is closed")

    def _explain(self, process: EngineProcess, error: Exception) -> ModelError:
        """Return a fault of a connection as an error for people."""
        if self._closed:
            return ModelError(f"{self._name} is closed")
        broken = isinstance(error, ConnectionError | HTTPException)
        ending = process.ending(_ENDING_SECONDS if broken else 0)
        if ending is None:
            return as_model_error(error, "llama.cpp does not answer")
        if ending.out_of_memory:
            return ModelError(i18n.Text("model.engine_out_of_memory", cause=ending.cause))
        return ModelError(i18n.Text("model.engine_ended", cause=ending.cause))


def _load_error(path: Path, info: GgufInfo, error: BaseException) -> ModelLoadError:
    return as_load_error(error, f"llama.cpp cannot open {path} ({info.architecture})", mend=_MEND)


def _read_ahead(path: Path, total_bytes: int, report_progress: Callable[[float], None]) -> None:
    """Read the files into memory."""
    read_bytes = 0
    for part in part_paths(path):
        with part.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                read_bytes += len(block)
                report_progress(min(1.0, read_bytes / total_bytes))
