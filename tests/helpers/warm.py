"""Starts the command in a process of its own that has done its imports: they take most of a start."""

import atexit
import ctypes
import json
import os
import pty
import socket
import subprocess
import sys
import termios
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pexpect
import ptyprocess  # type: ignore[import-untyped]

_SERVER = str(Path(__file__).with_name("warm_server.py"))
_SET_CHILD_SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` of Linux."""

_READ_AT_START = ("LANG", "LC_", "PYTHON", "MALLOC_", "GOMP_")
"""What the environment of a process may differ in only if it starts from nothing."""

TORCH = (
    "torch",
    "transformers",
    "transformers.models.llama.modeling_llama",
    "transformers.models.qwen2.modeling_qwen2",
    "qwen_chat.model.hf.engine",
)
"""What the command imports besides for a checkpoint of transformers."""

WEB = ("without_panel", "uvicorn", "fastapi", "qwen_chat.web.serving", "qwen_chat.cli.web")
"""What the command imports besides for the page, whose settings nobody opens."""

AVAILABLE = sys.platform == "linux"


def is_warm(environ: Mapping[str, str]) -> bool:
    """Return whether a process in this environment may start with its imports done."""
    return AVAILABLE and all(
        environ.get(name) == os.environ.get(name)
        for name in {*environ, *os.environ}
        if name.startswith(_READ_AT_START)
    )


class Spawn(pexpect.spawn):  # type: ignore[type-arg]
    """The command on a terminal of its own."""

    modules: tuple[str, ...] = ()
    """What is imported besides."""

    def _spawnpty(self, args: list[bytes | str], **options: Any) -> ptyprocess.PtyProcess:
        """Start the command; the arguments begin with `python -m qwen_chat`."""
        ours, theirs = pty.openpty()
        rows, columns = options["dimensions"]
        termios.tcsetwinsize(ours, (rows, columns))
        arguments = [os.fsdecode(argument) for argument in args[3:]]
        pid = start(arguments, options["env"], (theirs, theirs, theirs), terminal=True, modules=self.modules)
        os.close(theirs)
        return ptyprocess.PtyProcess(pid, ours)


def spawn(modules: tuple[str, ...]) -> type[Spawn]:
    """Return what starts the command with these modules imported besides."""
    return type("Spawn", (Spawn,), {"modules": modules})


class Popen(subprocess.Popen[Any]):
    """The command with pipes or files; the arguments begin with `python -m qwen_chat`."""

    modules: tuple[str, ...] = ()
    """What is imported besides."""

    def _execute_child(self, args: list[str], *options: Any) -> None:
        """Start the command where `subprocess` would fork and execute it."""
        folder, environ, pipes = options[4], options[5], options[9:15]
        assert not any((options[1], *options[16:19], options[20])), "a warm process has no such option"
        streams = [own if given == -1 else given for own, given in enumerate((pipes[0], pipes[3], pipes[5]))]
        self.pid = start(args[3:], environ, streams, modules=self.modules, folder=folder)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def popen(
    command: list[str],
    *,
    env: Mapping[str, str] | None = None,
    modules: tuple[str, ...] = (),
    **options: Any,
) -> subprocess.Popen[Any]:
    """Start `python -m qwen_chat` as `subprocess.Popen` does, where possible with its imports done."""
    if not is_warm(os.environ if env is None else env):
        return subprocess.Popen(command, env=env, **options)
    warmed: type[Popen] = type("Popen", (Popen,), {"modules": modules})
    return warmed(command, env=env, **options)


def run(
    command: list[str],
    *,
    input: Any = None,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    modules: tuple[str, ...] = (),
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run `python -m qwen_chat` to its end as `subprocess.run` does, and return what it printed."""
    pipe = subprocess.PIPE
    options = {"stdin": None if input is None else pipe, "stdout": pipe, "stderr": pipe, **options}
    with popen(command, env=env, modules=modules, **options) as process:
        try:
            printed, told = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(command, process.returncode, printed, told)


def start(
    arguments: list[str],
    environ: Mapping[str, str] | None,
    descriptors: Sequence[int],
    *,
    terminal: bool = False,
    modules: tuple[str, ...] = (),
    folder: Path | str | None = None,
) -> int:
    """Start the command with these standard streams, as a child of this process, and return its id."""
    order = {
        "arguments": arguments,
        "environ": dict(os.environ if environ is None else environ),
        "folder": str(folder or Path.cwd()),
        "terminal": terminal,
    }
    server = _server(modules)
    with _adopting():
        socket.send_fds(server, [json.dumps(order).encode()], descriptors)
        return int(server.recv(100))


@cache
def _server(modules: tuple[str, ...]) -> socket.socket:
    """Return the connection to a process with these modules; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with closing(theirs):
        process = subprocess.Popen([sys.executable, _SERVER, *modules], stdin=theirs.fileno())
    atexit.register(_end, ours, process)
    return ours


def _end(server: socket.socket, process: subprocess.Popen[bytes]) -> None:
    server.close()
    process.wait()


@contextmanager
def _adopting() -> Generator[None]:
    """Become the parent of processes whose own parent ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
