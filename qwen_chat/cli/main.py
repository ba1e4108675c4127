"""The entry point of the command line: it runs a command, and prints an error as one line on stderr."""

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from qwen_chat.cli.completion import VARIABLE, print_completions
from qwen_chat.cli.root import NAME, root
from qwen_chat.errors import QwenChatError
from qwen_chat.model import background_stream
from qwen_chat.text import strip_controls


def run() -> NoReturn:
    """Run the command line and exit the process."""
    code = main()
    if any(map(_blocks_exit, threading.enumerate())):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _blocks_exit(thread: threading.Thread) -> bool:
    """Return whether a thread would crash or delay a regular exit of the interpreter.

    A torch engine within its last step would crash during interpreter shutdown. The shutdown also waits for
    non-daemon threads, and one may wait for a model that takes minutes to load.
    """
    return thread.name == background_stream.THREAD_NAME or not (
        thread.daemon or thread is threading.main_thread()
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is one line on stderr and exit code 2."""
    _open_streams()
    try:
        return _run_command(list(sys.argv[1:] if argv is None else argv))
    except click.ClickException as error:
        return _fail(_format_error(error))
    except QwenChatError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail_output(error)
    except SystemExit as left:
        # Click exits like this when the reader of the help closed the pipe.
        return int(left.code or 0)
    except (KeyboardInterrupt, click.Abort):
        return 130


def _run_command(arguments: list[str]) -> int:
    if instruction := os.environ.get(VARIABLE):
        return print_completions(root, instruction)
    return int(root.main(arguments, prog_name=NAME, standalone_mode=False) or 0)


def _open_streams() -> None:
    """Replace closed streams by the null device; replace characters that a stream cannot encode by `?`."""
    for name in ("stdin", "stdout", "stderr"):  # in order: each gets the descriptor that was closed
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(null, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _format_error(error: click.ClickException) -> str:
    """Return the message of an error; for an unknown subcommand, name the command that lists them."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    if message.startswith("No such command") and message.endswith(".") and context is not None:
        return f"{message[:-1]}: {context.command_path} --help lists them"
    return message


def _fail_output(error: OSError) -> int:
    from qwen_chat.terminal.output.stdout import discard_stdout

    discard_stdout()
    return _fail(f"cannot read or write ({error.strerror or error}): is the disk full, or the terminal gone?")


def _fail(message: str) -> int:
    with suppress(OSError):
        sys.stderr.write(f"qwen-chat: {strip_controls(' '.join(message.split()))}\n")
    return 2
