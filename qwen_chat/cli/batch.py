"""`qwen-chat batch`: answer many prompts from a file."""

import os
import stat
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from itertools import chain
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

import click

from qwen_chat.batch import FinishedLines, Job, Result, format_result, read_jobs, run_jobs, skip_finished
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.model.base import ChatModel, PromptOptions
from qwen_chat.model.factory import open_model
from qwen_chat.roles import Role, load_role
from qwen_chat.settings import Settings

if TYPE_CHECKING:
    from qwen_chat.terminal.output.progress import ProgressBar

_SYNC_SECONDS = 1.0


@click.command()
@click.argument("prompts", metavar="PROMPTS.jsonl")
@click.option("-o", "--output", required=True, metavar="FILE", help="the file of the answers, one a line")
@click.option(
    "--batch-size", default=8, type=click.IntRange(1, 1024), help="how many prompts to answer together (8)"
)
@click.option("--overwrite", is_flag=True, help="start again, even if the output has answers")
@setting_flags
def batch(prompts: str, output: str, batch_size: int, overwrite: bool, **flags: Any) -> int:  # noqa: ANN401
    """Answer every line of PROMPTS.jsonl ("-" is stdin), in order; a second run continues where it stopped.

    A line is a JSON string, or an object with "prompt" or "messages", and optionally "id", "system" and
    sampling parameters.
    """
    chosen = read_settings(flags, system_file=None)
    role = load_role(chosen.role).fill_names(chosen.user_name) if chosen.role else None
    with ExitStack() as stack:
        source = stack.enter_context(_open_prompts(prompts))
        out = stack.enter_context(_open_output(Path(output)))
        if os.path.sameopenfile(source.fileno(), out.fileno()):
            raise UsageError(f"{output} holds the prompts: name another file with -o for the answers")
        jobs = _read_jobs(source, chosen, role)
        finished = FinishedLines() if overwrite else skip_finished(out, jobs)
        first = next(jobs, None)
        model = _load_model(chosen, stack) if first is not None else None
        out.seek(finished.end)
        out.truncate()
        progress = _Progress(finished)
        if model is not None and first is not None:
            rest, cancel = chain([first], jobs), Event()
            results = run_jobs(model, rest, batch_size=batch_size, parallel=chosen.parallel, cancel=cancel)
            bar = stack.enter_context(_open_progress(_count_lines(prompts), chosen, progress))
            if not _write_answers(results, out, cancel, bar, progress):
                again = "run it again without --overwrite" if overwrite else "run it again"
                sys.stderr.write(f"stopped after {progress.total_lines} lines: {again} to continue\n")
                return 130
    return progress.report(quiet=chosen.quiet)


def _read_jobs(source: IO[bytes], chosen: Settings, role: Role | None) -> Iterator[Job]:
    # A line that is not UTF-8 is an error of that line alone. Windows begins files with a BOM.
    lines = (line.removeprefix(BOM_UTF8).decode(errors="surrogateescape") for line in source)
    options = PromptOptions(think=chosen.think)
    return read_jobs(lines, chosen.params(role), chosen.system_prompt(role), options)


def _load_model(chosen: Settings, stack: ExitStack) -> ChatModel:
    _, loading = open_model(chosen, sys.stderr)
    model = loading.loaded()
    stack.callback(model.close)
    return model


def _open_progress(total: int | None, chosen: Settings, progress: "_Progress") -> "ProgressBar":
    from qwen_chat.terminal.output.progress import ProgressBar

    return ProgressBar(total, progress.total_lines, enabled=not (chosen.quiet or chosen.plain))


def _write_answers(
    results: Generator[Result, None, None],
    out: IO[bytes],
    cancel: Event,
    bar: "ProgressBar",
    progress: "_Progress",
) -> bool:
    """Write the answers as they come; return False after Ctrl-C."""
    with closing(results):  # before the model is closed, whose threads may still use it
        try:
            for result in results:
                out.write(format_result(result).encode() + b"\n")
                out.flush()
                progress.count(result, out)
                bar.advance(progress.speed)
        except KeyboardInterrupt:
            cancel.set()
            return False
        finally:
            _sync(out)
    return True


class _Progress:
    """How many lines were answered, and how fast."""

    def __init__(self, finished: FinishedLines) -> None:
        self._finished = finished
        self._lines = self._errors = self._tokens = 0
        self._started = self._synced = time.monotonic()

    @property
    def total_lines(self) -> int:
        return self._finished.lines + self._lines

    @property
    def speed(self) -> float:
        return self._tokens / max(time.monotonic() - self._started, 1e-9)

    def count(self, result: Result, out: IO[bytes]) -> None:
        self._lines += 1
        answer = result[1]
        if isinstance(answer, ModelError):
            self._errors += 1
        else:
            self._tokens += answer.usage.completion_tokens
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            _sync(out)
            self._synced = time.monotonic()

    def report(self, *, quiet: bool) -> int:
        """Print a summary and return the exit code: 1 when a line of the output has an error."""
        errors = self._finished.errors + self._errors
        if not quiet or errors:
            before = f", {self._finished.lines} before" if self._finished.lines else ""
            faults = f"; {errors} with an error" if errors else ""
            sys.stderr.write(f"{self._lines} answered{before}, {self.speed:.1f} tokens/s{faults}\n")
        return 1 if errors else 0


def _sync(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())


def _open_prompts(name: str) -> AbstractContextManager[IO[bytes]]:
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None


def _open_output(path: Path) -> IO[bytes]:
    try:
        # For reading and writing: a second run continues after the answers of the first.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"cannot write {path}: not a regular file, which a second run needs to continue")
    return os.fdopen(descriptor, "r+b")


def _count_lines(name: str) -> int | None:
    """Return the number of prompts, or None for a stream, which can be read only once."""
    path = Path(name)
    if name == "-" or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
