"""Starts the engine's process, and ends it; tells why one ended by itself."""

import json
import os
import re
import signal
import sys
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryFile
from typing import IO, Any, cast

from qwen_chat import i18n
from qwen_chat.errors import is_out_of_memory
from qwen_chat.model.llamacpp import engine_process
from qwen_chat.model.llamacpp.connection import EngineConnection
from qwen_chat.model.llamacpp.endpoint import Endpoint
from qwen_chat.model.processors import waiting_environment

_PACKAGE_ROOT = str(Path(__file__).parents[3])
_COMMAND = (sys.executable, "-I", "-S", engine_process.__file__)
"""Neither the current folder nor site packages are on its path: it is given the path of this process."""

_NO_DEBUGGER = {"GGML_NO_BACKTRACE": "1"}
"""An engine that crashes would start a debugger otherwise, where there is one."""

_LOG_BYTES = 1 << 14
_ERROR_LINE = re.compile(r"^\S+ E (?:\w+ +)?\w+: (.*)$", re.MULTILINE)
_LOAD_ERROR = "error loading model: "


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended by itself: its exit code, negative for a signal, and the errors that it wrote."""

    code: int
    errors: str

    @property
    def cause(self) -> i18n.Text:
        """The exit code or the signal, in words."""
        if self.code < 0:
            return i18n.Text("model.ended_by_signal", number=-self.code)
        return i18n.Text("model.ended_with_code", number=self.code)

    @property
    def reason(self) -> str:
        """What llama.cpp said, or the last line that the process wrote, or the cause."""
        found: list[str] = _ERROR_LINE.findall(self.errors)
        for line in found:
            if line.startswith(_LOAD_ERROR):
                return line.removeprefix(_LOAD_ERROR)
        return next(iter(found or self.errors.splitlines()[-1:]), self.cause)

    @property
    def out_of_memory(self) -> bool:
        """Whether memory ran out, as far as one can tell: systems kill a process with no word to it."""
        return self.code == -signal.SIGKILL or is_out_of_memory(RuntimeError(self.errors))


class EngineProcess:
    """A process that opens a model and serves it at an endpoint of its own.

    It ends when it is closed, when nothing refers to this any more, or when the process of the chat ends.

    Raises: OSError when it cannot be started.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        endpoint, log = Endpoint(), TemporaryFile()  # noqa: SIM115 - open as long as the process runs
        try:
            self._process = _start(log)
        except BaseException:
            _clean_up(endpoint, log)
            raise
        self.pid = self._process.pid
        self._requests, self._answers = _pipes(self._process)
        self._key, self._log = endpoint.key, log
        self.address = ""
        """Where it serves, once the model is loaded."""
        self._end = weakref.finalize(self, _end, self._process, endpoint, log)
        self._send(request, endpoint)

    def wait_until_loaded(self) -> bool:
        """Wait until the model is loaded; return False if the process ended before."""
        line = self._answers.readline()
        self.address = json.loads(line)["address"] if line else ""
        return bool(line)

    def connect(self, timeout: float | None = None) -> EngineConnection:
        """Return a new connection.

        Raises: OSError.
        """
        return EngineConnection(self.address, self._key, timeout)

    def ending(self, timeout: float = 0) -> Ending | None:
        """Return how the process ended; None if it still runs after so many seconds."""
        with suppress(TimeoutExpired):
            return Ending(self._process.wait(timeout), self._read_log())
        return None

    def close(self) -> None:
        """Kill the process, and free what it had; a second call does nothing."""
        self._end()

    def _send(self, request: dict[str, Any], endpoint: Endpoint) -> None:
        values = {**request, "path": [*sys.path, _PACKAGE_ROOT], "socket": endpoint.socket}
        values["params"] = {**request["params"], "hostnames": [endpoint.host], "api_keys": [endpoint.key]}
        with suppress(BrokenPipeError):  # a process that ended already is noticed when its answer is read
            self._requests.write(json.dumps(values).encode() + b"\n")
            self._requests.flush()

    def _read_log(self) -> str:
        with suppress(OSError, ValueError):  # closed meanwhile
            size = os.fstat(self._log.fileno()).st_size
            tail = os.pread(self._log.fileno(), _LOG_BYTES, max(0, size - _LOG_BYTES))
            return tail.decode(errors="replace")
        return ""


def _start(log: IO[bytes]) -> Popen[bytes]:
    # In a session of its own, Ctrl-C in the terminal does not reach it.
    return Popen(_COMMAND, stdin=PIPE, stdout=PIPE, stderr=log, env=_environment(), start_new_session=True)


def _environment() -> dict[str, str]:
    return {**_NO_DEBUGGER, **waiting_environment(os.environ), **os.environ}


def _pipes(process: Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output of a process that was started with pipes."""
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _end(process: Popen[bytes], endpoint: Endpoint, log: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in _pipes(process):
        with suppress(BrokenPipeError):  # a request that was not taken
            pipe.close()
    _clean_up(endpoint, log)


def _clean_up(endpoint: Endpoint, log: IO[bytes]) -> None:
    log.close()
    endpoint.close()
