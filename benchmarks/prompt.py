"""Measures the time from exec to the visible prompt, against importing the libraries that draw it."""

import sys
import time

import pexpect

from benchmarks.measure import Result, compared, in_turn
from benchmarks.terminal import leave, spawn, talk

IMPORTS = "import prompt_toolkit.shortcuts, rich.console"


def measure() -> list[Result]:
    _prompt_seconds(), _import_seconds()
    return [compared("prompt visible", in_turn(_prompt_seconds, _import_seconds, 15), 2.0, "s")]


def _prompt_seconds() -> float:
    started = time.perf_counter()
    chat = talk()
    seconds = time.perf_counter() - started
    leave(chat)
    return seconds


def _import_seconds() -> float:
    started = time.perf_counter()
    process = spawn([sys.executable, "-c", IMPORTS])
    process.expect(pexpect.EOF)
    seconds = time.perf_counter() - started
    process.close()
    return seconds
