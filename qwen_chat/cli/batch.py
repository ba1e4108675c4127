"""`qwen-chat batch`: answer many prompts from a file."""

import os
import stat
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Generator
from contextlib import ExitStack, closing, nullcontext
from itertools import chain
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

import click

from qwen_chat import batch as core
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.model.base import ChatModel, PromptOptions
from qwen_chat.model.factory import open_model
from qwen_chat.roles import load_role
from qwen_chat.settings import Settings

if TYPE_CHECKING:
    from qwen_chat.terminal.output.progress import ProgressBar

_SYNC_SECONDS = 1.0


@click.command()
@click.argument("prompts", metavar="PROMPTS.jsonl")
@click.option("-o", "--output", required=True, metavar="FILE", help="where the answers go, a line each")
@click.option("--batch-size", default=8, type=click.IntRange(1, 1024), help="prompts written together (8)")
@click.option("--overwrite", is_flag=True, help="begin anew where the output has answers already")
@setting_flags
def batch(prompts: str, output: str, batch_size: int, overwrite: bool, **flags: Any) -> int:  # noqa: ANN401
    """Answer every line of PROMPTS.jsonl ("-" is stdin), in order; run again, it goes on where it was.

    A line is a JSON text, or an object with "prompt" or "messages", and if wanted "id", "system" and
    sampling parameters.
    """
    chosen = read_settings(flags, system_file=None)
    role = load_role(chosen.role).fill_names(chosen.user_name) if chosen.role else None
    with ExitStack() as stack:
        source = stack.enter_context(nullcontext(sys.stdin.buffer) if prompts == "-" else _source(prompts))
        out = stack.enter_context(_output(Path(output)))
        if os.path.sameopenfile(source.fileno(), out.fileno()):
            raise UsageError(f"{output} is where the prompts are: name another -o for the answers")
        # What is no UTF-8 is the fault of its line alone; Windows marks the begin of a file.
        lines = (line.removeprefix(BOM_UTF8).decode(errors="surrogateescape") for line in source)
        jobs = core.read_jobs(
            lines, chosen.params(role), chosen.system_prompt(role), PromptOptions(think=chosen.think)
        )
        earlier = core.Earlier() if overwrite else core.resume(out, jobs)
        waiting = next(jobs, None)
        model = _model(chosen, stack) if waiting is not None else None
        out.seek(earlier.end)
        out.truncate()
        tally = _Tally(earlier)
        if model is not None and waiting is not None:
            todo, cancel = chain([waiting], jobs), Event()
            results = core.run(model, todo, batch_size=batch_size, parallel=chosen.parallel, cancel=cancel)
            bar = stack.enter_context(_bar(_count(prompts), chosen, tally))
            if not _write(results, out, cancel, bar, tally):
                again = "run it again without --overwrite" if overwrite else "run it again"
                sys.stderr.write(f"stopped after {tally.all_lines} lines: {again} to go on\n")
                return 130
    return tally.told(quiet=chosen.quiet)


def _model(chosen: Settings, stack: ExitStack) -> ChatModel:
    _, loading = open_model(chosen, sys.stderr)
    model = loading.loaded()
    stack.callback(model.close)
    return model


def _bar(total: int | None, chosen: Settings, tally: "_Tally") -> "ProgressBar":
    from qwen_chat.terminal.output.progress import ProgressBar

    return ProgressBar(total, tally.all_lines, enabled=not (chosen.quiet or chosen.plain))


def _write(
    results: Generator[core.Result, None, None],
    out: IO[bytes],
    cancel: Event,
    bar: "ProgressBar",
    tally: "_Tally",
) -> bool:
    """Write the answers as they come; False when a person stopped them."""
    with closing(results):  # before the model goes whose threads may still be at work
        try:
            for result in results:
                out.write(core.record(result).encode() + b"\n")
                out.flush()
                tally.take(result, out)
                bar.advance(tally.speed)
        except KeyboardInterrupt:
            cancel.set()
            return False
        finally:
            _sync(out)
    return True


class _Tally:
    """What was answered so far, and how fast."""

    def __init__(self, earlier: core.Earlier) -> None:
        self._earlier = earlier
        self._lines = self._errors = self._tokens = 0
        self._started = self._synced = time.monotonic()

    @property
    def all_lines(self) -> int:
        return self._earlier.lines + self._lines

    @property
    def speed(self) -> float:
        return self._tokens / max(time.monotonic() - self._started, 1e-9)

    def take(self, result: core.Result, out: IO[bytes]) -> None:
        self._lines += 1
        answer = result[1]
        if isinstance(answer, ModelError):
            self._errors += 1
        else:
            self._tokens += answer.usage.completion_tokens
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            _sync(out)
            self._synced = time.monotonic()

    def told(self, *, quiet: bool) -> int:
        """Say how it went, and return the exit code: 1 when a line of the output has an error."""
        errors = self._earlier.errors + self._errors
        if not quiet or errors:
            before = f", {self._earlier.lines} before" if self._earlier.lines else ""
            faults = f"; {errors} with an error" if errors else ""
            sys.stderr.write(f"{self._lines} answered{before}, {self.speed:.1f} tokens/s{faults}\n")
        return 1 if errors else 0


def _sync(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())


def _source(name: str) -> IO[bytes]:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None


def _output(path: Path) -> IO[bytes]:
    try:
        # Both read and written: what is there already is gone on with.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"cannot write {path}: not a plain file, which a run that was cut off needs")
    return os.fdopen(descriptor, "r+b")


def _count(name: str) -> int | None:
    """Return how many lines there are to answer, or None for a stream, which can be read only once."""
    path = Path(name)
    if name == "-" or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
