"""Counts the everyday questions that the embedded model answers right, in fresh processes at the defaults."""

import tomllib
from pathlib import Path

from benchmarks import ours
from benchmarks.measure import Result
from benchmarks.process import run
from qwen_chat.files.validation import convert
from qwen_chat.roles.probes import Probe

FILE = Path(__file__).parent.parent / "tests" / "data" / "everyday_questions.toml"
RIGHT = 17
CAPITAL = "capital of France"
TIMES = 20


def measure() -> list[Result]:
    questions = read_questions()
    wrong = [probe.name for probe in questions if not is_right(probe)]
    capital = next(probe for probe in questions if probe.name == CAPITAL)
    capitals = sum(is_right(capital) for _ in range(TIMES))
    return [
        count(f"questions of {len(questions)}", len(questions) - len(wrong), RIGHT, f"wrong: {wrong}"),
        count(f"{CAPITAL}, of {TIMES}", capitals, TIMES, ""),
    ]


def read_questions() -> list[Probe]:
    """Return the questions with their checks."""
    return convert(tomllib.loads(FILE.read_text(encoding="utf-8"))["questions"], list[Probe])


def is_right(probe: Probe) -> bool:
    """Ask in a fresh process, as a person does, and return whether the answer passes its checks."""
    (question,) = probe.say
    return not probe.find_faults(run([*ours.PROGRAM, "-p", question]).printed)


def count(name: str, right: int, limit: int, note: str) -> Result:
    return Result(name, [right], limit, note, at_least=True)
