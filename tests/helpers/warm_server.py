"""A process that has imported what the command needs; it forks, and each fork runs the command.

It takes orders from the socket that is its standard input: one message of JSON with the arguments, the
environment and the folder, and with it the descriptors that become standard input, output and error. It
answers with the id of the new process, by then a child of the process that asked (`prctl(2)`, subreaper).
"""

import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import termios
from typing import Any

_MOST_BYTES = 1 << 20
_ROOMS = ("batch", "cli", "commands", "model.llamacpp", "session", "storage", "terminal")
_LIBRARIES = ("markdown_it", "pygments.formatters", "pygments.lexers", "rich.table")
"""What the rooms import within functions in nearly every process."""


def main() -> None:
    """Import, then fork for each order; a fork goes on to run the command."""
    for name in [*_modules(), *_LIBRARIES, *sys.argv[1:]]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    order = _serve()
    if order is not None:
        _run(order)


def _modules() -> list[str]:
    names = []
    for room in _ROOMS:
        package = importlib.import_module(f"qwen_chat.{room}")
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [name for name in names if not name.endswith(".engine_process")]


def _serve() -> dict[str, Any] | None:
    """Return an order within a fork, and None at the end of the process that asks."""
    # Ctrl-C at the terminal of the tests is for the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = socket.socket(fileno=0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, _MOST_BYTES, 3)
        if not message:
            return None
        pid = _fork_twice()
        if pid is None:
            _take(descriptors)
            orders.detach()
            return dict(json.loads(message))
        for descriptor in descriptors:
            os.close(descriptor)
        orders.send(str(pid).encode())


def _fork_twice() -> int | None:
    """Return the id of a new process whose parent has ended, and None within it."""
    ours, theirs = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid != 0:
            os.write(theirs, str(pid).encode())
            os._exit(0)
    os.close(theirs)
    if between == 0:
        os.close(ours)
        return None
    os.waitpid(between, 0)
    with os.fdopen(ours) as file:
        return int(file.read())


def _take(descriptors: list[int]) -> None:
    """Make these standard input, output and error."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    for descriptor in descriptors:
        os.close(descriptor)


def _run(order: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.path[0] = order["folder"]
    sys.stdin, sys.stdout, sys.stderr = _stream(0, "r"), _stream(1, "w"), _stream(2, "w")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = ["qwen_chat", *order["arguments"]]
    runpy.run_module("qwen_chat", run_name="__main__", alter_sys=True)


def _stream(descriptor: int, mode: str) -> io.TextIOWrapper:
    """Open a standard stream as Python does at its start."""
    raw = open(descriptor, f"{mode}b", buffering=0, closefd=False)  # noqa: SIM115
    buffered: Any = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    errors = "backslashreplace" if descriptor == 2 else "strict"
    line_buffering = descriptor == 2 or raw.isatty()
    return io.TextIOWrapper(buffered, encoding="utf-8", errors=errors, line_buffering=line_buffering)


if __name__ == "__main__":
    main()
