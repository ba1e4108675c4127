"""Lines of answers, and what of them is there already.

Each carries a digest of its prompt's line, so that a run that was cut off is gone on with, and answers to
other prompts are never mixed in.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

from qwen_chat.batch.jobs import Job
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.model.base import CompletedAnswer

Result = tuple[Job, CompletedAnswer | ModelError]

_BEGINNING = b'{"id": '
"""Of every line here, by which the torn end of one is known from a text that is not ours."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an output holds already: whole lines, how many have an error, and where they end, in bytes."""

    lines: int = 0
    errors: int = 0
    end: int = 0


def record(result: Result) -> str:
    """Return the line of the output for a result."""
    job, answer = result
    if isinstance(answer, ModelError):
        line: dict[str, object] = {"id": job.id, "error": " ".join(str(answer).split()), "input": job.digest}
    else:
        reasoning = {"reasoning": answer.reasoning} if answer.reasoning else {}
        why = {"finish_reason": answer.finish_reason, "usage": asdict(answer.usage)}
        line = {"id": job.id, "answer": answer.text, **reasoning, **why, "input": job.digest}
    # A server's text may hold halves of surrogate pairs, which no file can.
    return json.dumps(line, ensure_ascii=False).encode(errors="replace").decode()


def resume(output: IO[bytes], jobs: Iterator[Job]) -> Earlier:
    """Take from `jobs` what the output answers already; the torn end of a killed run is left out.

    Raises: UsageError for a file that is none of ours, or answers other prompts.
    """
    lines = errors = end = 0
    for line in output:
        said = _said(line, lines + 1)
        if said is None:
            break
        job = next(jobs, None)
        if job is None or job.digest != said["input"]:
            raise _foreign(lines + 1, "answers another prompt")
        lines, errors, end = lines + 1, errors + ("error" in said), end + len(line)
    return Earlier(lines, errors, end)


def _said(line: bytes, number: int) -> dict[str, Any] | None:
    """Return what a line of an output says, or None for the torn end of one of ours."""
    whole = line.endswith(b"\n")
    said: object = None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        if not whole and line.startswith(_BEGINNING[: len(line)]):
            return None
    if isinstance(said, dict) and isinstance(said.get("input"), str):
        return said if whole else None
    raise _foreign(number, "is no batch's answer")


def _foreign(number: int, fault: str) -> UsageError:
    return UsageError(f"line {number} of the output {fault}: name another -o, or --overwrite")
