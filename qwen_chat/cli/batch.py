"""`qwen-chat batch`: answer many prompts from a file."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

import click

from qwen_chat import batch as core
from qwen_chat import presets
from qwen_chat.cli.flags import read_settings, setting_flags
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.opening import open_model
from qwen_chat.settings import Settings

if TYPE_CHECKING:
    from qwen_chat.terminal.progress import Bar

_SYNC_SECONDS = 1.0


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
    role = presets.load(chosen.role) if chosen.role else None
    with ExitStack() as stack:
        lines = stack.enter_context(_input(prompts))
        out = stack.enter_context(_output(Path(output)))
        digests, end = ([], 0) if overwrite else core.done(out)
        jobs = core.read_jobs(lines, chosen.params(role), chosen.system_prompt(role))
        waiting = next(left := core.skip(jobs, digests), None)
        tally = _Tally(len(digests))
        if waiting is not None:
            cancel = Event()
            model = _model(chosen, stack)
            out.seek(end)
            out.truncate()
            results = core.run(
                model, chain([waiting], left), batch_size=batch_size, parallel=chosen.parallel, cancel=cancel
            )
            total = None if prompts == "-" else _count(Path(prompts))
            if not _write(results, out, cancel, stack.enter_context(_bar(total, chosen, tally)), tally):
                return 130
    return tally.told(quiet=chosen.quiet)


def _model(chosen: Settings, stack: ExitStack) -> ChatModel:
    _, loading = open_model(chosen, sys.stderr)
    model = loading.loaded()
    stack.callback(model.close)
    return model


def _bar(total: int | None, chosen: Settings, tally: "_Tally") -> "Bar":
    from qwen_chat.terminal.progress import Bar

    return Bar(total, tally.before, shown=not chosen.quiet)


def _write(
    results: Iterator[core.Result], out: IO[bytes], cancel: Event, bar: "Bar", tally: "_Tally"
) -> bool:
    """Write the answers as they come; False when a person stopped them."""
    try:
        for result in results:
            out.write(core.record(result).encode() + b"\n")
            tally.take(result, out)
            bar.advance(tally.speed)
    except KeyboardInterrupt:
        cancel.set()
        sys.stderr.write(f"stopped after {tally.before + tally.lines} lines: run it again to go on\n")
        return False
    finally:
        _finish(out)
    return True


class _Tally:
    """What was answered so far, and how fast."""

    def __init__(self, before: int) -> None:
        self.before = before
        self.lines = self.errors = self.tokens = 0
        self._started = self._synced = time.monotonic()

    @property
    def speed(self) -> float:
        return self.tokens / max(time.monotonic() - self._started, 1e-9)

    def take(self, result: core.Result, out: IO[bytes]) -> None:
        self.lines += 1
        answer = result[1]
        if isinstance(answer, ModelError):
            self.errors += 1
        else:
            self.tokens += answer.usage.completion_tokens
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            _finish(out)
            self._synced = time.monotonic()

    def told(self, *, quiet: bool) -> int:
        """Say how it went, and return the exit code: 1 when a line has an error."""
        if not quiet or self.errors:
            before = f", {self.before} before" if self.before else ""
            faults = f"; {self.errors} with an error" if self.errors else ""
            sys.stderr.write(f"{self.lines} answered{before}, {self.speed:.1f} tokens/s{faults}\n")
        return 1 if self.errors else 0


def _finish(out: IO[bytes]) -> None:
    out.flush()
    if out.seekable():
        os.fsync(out.fileno())


@contextmanager
def _input(name: str) -> Iterator[Iterator[str]]:
    """Open the prompts, line by line; what is no UTF-8 is the fault of its line alone."""
    if name == "-":
        yield (line.decode(errors="surrogateescape") for line in sys.stdin.buffer)
        return
    try:
        with Path(name).open("rb") as file:
            yield (line.decode(errors="surrogateescape") for line in file)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror or error}") from None


@contextmanager
def _output(path: Path) -> Iterator[IO[bytes]]:
    try:
        # Both read and written: what is there already is gone on with.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            yield file
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
