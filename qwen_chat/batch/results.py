"""The lines of an output file: writing them, and reading those of an earlier run.

Each line carries a digest of the prompt's line, so that a run that was cut off continues where it stopped,
and answers to other prompts are never mixed in.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

from qwen_chat.batch.jobs import Job
from qwen_chat.errors import ModelError, UsageError
from qwen_chat.model.base import CompletedAnswer

Result = tuple[Job, CompletedAnswer | ModelError]

_LINE_START = b'{"id": '
"""The start of every line written here, which tells a torn line of ours from other text."""


@dataclass(frozen=True, slots=True)
class FinishedLines:
    """The whole lines that an output has already, how many have an error, and where they end, in bytes."""

    lines: int = 0
    errors: int = 0
    end: int = 0


def format_result(result: Result) -> str:
    """Return the line of the output for a result."""
    job, answer = result
    if isinstance(answer, ModelError):
        line: dict[str, object] = {"id": job.id, "error": " ".join(str(answer).split()), "input": job.digest}
    else:
        reasoning = {"reasoning": answer.reasoning} if answer.reasoning else {}
        ending = {"finish_reason": answer.finish_reason, "usage": asdict(answer.usage)}
        line = {"id": job.id, "answer": answer.text, **reasoning, **ending, "input": job.digest}
    # A server's text may hold halves of surrogate pairs, which cannot be encoded.
    return json.dumps(line, ensure_ascii=False).encode(errors="replace").decode()


def skip_finished(output: IO[bytes], jobs: Iterator[Job]) -> FinishedLines:
    """Advance `jobs` past those that the output answers; the torn last line of a killed run is ignored.

    Raises: UsageError for a file that no batch wrote, or that answers other prompts.
    """
    lines = errors = end = 0
    for line in output:
        fields = _parse_line(line, lines + 1)
        if fields is None:
            break
        job = next(jobs, None)
        if job is None or job.digest != fields["input"]:
            raise _wrong_output(lines + 1, "answers another prompt")
        lines, errors, end = lines + 1, errors + ("error" in fields), end + len(line)
    return FinishedLines(lines, errors, end)


def _parse_line(line: bytes, number: int) -> dict[str, Any] | None:
    """Return the fields of a line of an output, or None for the torn end of one of ours."""
    is_whole = line.endswith(b"\n")
    fields: object = None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        if not is_whole and line.startswith(_LINE_START[: len(line)]):
            return None
    if isinstance(fields, dict) and isinstance(fields.get("input"), str):
        return fields if is_whole else None
    raise _wrong_output(number, "is no batch's answer")


def _wrong_output(number: int, fault: str) -> UsageError:
    return UsageError(f"line {number} of the output {fault}: name another -o, or --overwrite")
