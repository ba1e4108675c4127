"""Runs a one-shot process and measures its time and memory."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks import ours
from benchmarks.peak import PeakWatch

QUESTION = "Write a long story about a lighthouse keeper and the sea, with many chapters."
TOKENS = 128


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from exec to exit, the peak of resident memory with the children's in MiB, and the output."""

    seconds: float
    peak: float
    printed: str


def run(command: list[str]) -> Run:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        watch = PeakWatch(process.pid)
        code = process.wait()
        seconds, peak = time.perf_counter() - started, watch.stop()
        if code:
            raise RuntimeError(f"{command} failed: {_read(errors)}")
        return Run(seconds, peak, _read(output))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def run_ours() -> Run:
    return run([*ours.COMMAND, "--max-new-tokens", str(TOKENS), "-p", QUESTION])


def run_bare() -> Run:
    script = str(Path(__file__).with_name("bare.py"))
    return run([sys.executable, script, str(ours.model_path()), QUESTION, str(TOKENS)])
