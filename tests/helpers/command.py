"""The command qwen-chat: in this process, with streams of its own, or as a process."""

import gc
import io
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from typing import Protocol
from unittest.mock import patch

import warm

from qwen_chat import cli

Done = subprocess.CompletedProcess[str]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunCommand(Protocol):
    """Runs qwen-chat, and returns what it printed and its exit code."""

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Done: ...


def run_here(*arguments: str, stdin: str | bytes = b"") -> Done:
    """Run the command in this process: what it imports and the files it reads are there already."""
    with ExitStack() as stack:
        given, out, err = (stack.enter_context(_stream()) for _ in range(3))
        given.buffer.write(_encoded(stdin))
        given.seek(0)
        stack.enter_context(patch.object(sys, "stdin", given))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        stack.enter_context(patch.dict(os.environ))
        stack.enter_context(_handlers_kept())
        stack.enter_context(_leftovers_collected())
        code = cli.main(arguments)
        return Done([*arguments], code, _text(out), _text(err))


def run_process(
    *arguments: str,
    stdin: str | bytes = b"",
    environ: Mapping[str, str] | None = None,
    modules: tuple[str, ...] = (),
) -> Done:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "qwen_chat", *arguments]
    environment = {**os.environ, **(environ or {})}
    done = warm.run(command, input=_encoded(stdin), env=environment, modules=modules)
    return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def _stream() -> Generator[io.TextIOWrapper]:
    with TemporaryFile("w+", encoding="utf-8", newline="\n") as file:
        yield file


@contextmanager
def _handlers_kept() -> Generator[None]:
    kept = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _leftovers_collected() -> Generator[None]:
    """Collect what a process leaves open at its end, such as an engine after a fault, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def _encoded(stdin: str | bytes) -> bytes:
    return stdin.encode() if isinstance(stdin, str) else stdin


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
