"""Many prompts from a file, answered in their order into another; knows no engine and prints nothing.

A line of the input is a JSON text, or an object with `prompt` or `messages`, and if wanted `id`, `system`
and sampling parameters; the lines of OpenAI's batch files are understood, too. Each line of the output
carries a digest of its input, so that a run that was cut off is gone on with and no other file's answers
are mixed in.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from threading import Event
from typing import IO, Any

from qwen_chat import sampling
from qwen_chat.errors import ModelError, QwenChatError, UsageError
from qwen_chat.message import Delta, Message, Usage
from qwen_chat.model.base import Answered, BatchingModel, ChatModel, Request
from qwen_chat.sampling import MAX_SEED, SamplingParams

_ROLES = ("system", "user", "assistant")
_WINDOW = 4
"""Batches that are sorted by length together, to waste little on padding."""


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the input: what is asked, or why it cannot be."""

    id: str | int
    digest: str
    request: Request | None
    error: str = ""


Result = tuple[Job, Answered | ModelError]


def read_jobs(lines: Iterable[str], params: SamplingParams, system: str | None) -> Iterator[Job]:
    """Yield the jobs of an input; `params` and `system` are used where a line has none of its own.

    Under a fixed seed each line has another one, which depends on its number alone.
    """
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        digest = sha256(line.strip().encode(errors="surrogatepass")).hexdigest()[:16]
        seeded = params
        if params.seed is not None:
            seeded = replace(params, seed=(params.seed + number - 1) % (MAX_SEED + 1))
        yield _job(number, line, digest, seeded, system)


def done(output: IO[bytes]) -> tuple[list[str], int]:
    """Return the digests of the whole lines of an output, and where they end; a torn last line is left out.

    Raises: UsageError for a file that is none of ours.
    """
    digests, end = [], 0
    for line in output:
        if not line.endswith(b"\n"):
            break
        try:
            digests.append(str(json.loads(line)["input"]))
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"line {len(digests) + 1} of the output is no batch's answer: name another -o, or --overwrite"
            ) from None
        end += len(line)
    return digests, end


def skip(jobs: Iterator[Job], digests: Sequence[str]) -> Iterator[Job]:
    """Return the jobs that have no answer yet.

    Raises: UsageError when the answers belong to other prompts.
    """
    for number, digest in enumerate(digests, start=1):
        job = next(jobs, None)
        if job is None or job.digest != digest:
            raise UsageError(
                f"line {number} of the output answers another prompt: name another -o, or --overwrite"
            )
    return jobs


def run(
    model: ChatModel, jobs: Iterator[Job], *, batch_size: int, parallel: int, cancel: Event
) -> Iterator[Result]:
    """Yield the jobs with their answers, in order, until `cancel` is set.

    An engine that batches gets `batch_size` prompts at a time; others get `parallel` at once.
    """
    if isinstance(model, BatchingModel):
        yield from _in_batches(model, jobs, batch_size, cancel)
    else:
        yield from _at_once(model, jobs, parallel, cancel)


def record(result: Result) -> str:
    """Return the line of the output for a result."""
    job, answer = result
    if isinstance(answer, ModelError):
        line: dict[str, object] = {"id": job.id, "error": " ".join(str(answer).split()), "input": job.digest}
    else:
        reasoning = {"reasoning": answer.reasoning} if answer.reasoning else {}
        why = {"finish_reason": answer.finish_reason, "usage": asdict(answer.usage)}
        line = {"id": job.id, "answer": answer.text, **reasoning, **why, "input": job.digest}
    return json.dumps(line, ensure_ascii=False)


def _in_batches(
    model: BatchingModel, jobs: Iterator[Job], batch_size: int, cancel: Event
) -> Iterator[Result]:
    while window := [job for _, job in zip(range(_WINDOW * batch_size), jobs, strict=False)]:
        answers: dict[int, Answered | ModelError] = {
            number: ModelError(job.error) for number, job in enumerate(window) if job.request is None
        }
        waiting = sorted(set(range(len(window))) - set(answers), key=lambda number: _length(window[number]))
        shown = 0
        while shown < len(window):
            while shown in answers:
                yield window[shown], answers[shown]
                shown += 1
            part, waiting = waiting[:batch_size], waiting[batch_size:]
            requests = [request for number in part if (request := window[number].request) is not None]
            if requests:
                answers |= dict(zip(part, model.answer(requests, cancel=cancel), strict=True))
            if cancel.is_set():
                return


def _at_once(model: ChatModel, jobs: Iterator[Job], parallel: int, cancel: Event) -> Iterator[Result]:
    pending: deque[tuple[Job, Future[Answered | ModelError]]] = deque()
    with ThreadPoolExecutor(parallel) as pool:
        try:
            while True:
                for _, job in zip(range(2 * parallel - len(pending)), jobs, strict=False):
                    pending.append((job, pool.submit(_answer, model, job, cancel)))
                if not pending:
                    return
                job, future = pending.popleft()
                answer = future.result()
                if cancel.is_set():
                    return
                yield job, answer
        finally:
            # Whoever leaves early does not wait for the answers that were begun.
            if pending:
                cancel.set()
            for _, future in pending:
                future.cancel()


def _answer(model: ChatModel, job: Job, cancel: Event) -> Answered | ModelError:
    if job.request is None:
        return ModelError(job.error)
    try:
        deltas = list(model.stream(job.request.messages, job.request.params, cancel=cancel))
    except ModelError as error:
        return error
    text, reasoning = "".join(d.text for d in deltas), "".join(d.reasoning for d in deltas)
    last = deltas[-1] if deltas else Delta()
    return Answered(text, reasoning, last.finish_reason or "interrupted", last.usage or Usage())


def _length(job: Job) -> int:
    return sum(len(message.content) for message in job.request.messages) if job.request else 0


def _job(number: int, line: str, digest: str, params: SamplingParams, system: str | None) -> Job:
    id: str | int = number
    try:
        fields = _fields(line)
        id = fields.pop("id", number)
        _check(isinstance(id, str | int), "id must be a text or a number")
        return Job(id, digest, _request(fields, params, system))
    except (QwenChatError, ValueError, RecursionError) as error:
        text = f"not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Job(id, digest, None, f"line {number}: {text}")


def _fields(line: str) -> dict[str, Any]:
    """Return what a line says, in one form."""
    said: object = json.loads(line)
    if isinstance(said, str):
        return {"prompt": said}
    if not isinstance(said, dict):
        raise UsageError("a line must be a JSON text or object")
    if isinstance(said.get("body"), dict):
        return {"id": said.get("custom_id"), **said["body"]}
    return dict(said)


def _request(fields: Mapping[str, Any], params: SamplingParams, system: str | None) -> Request:
    system = fields.get("system", system)
    if "messages" in fields:
        _check(isinstance(fields["messages"], list), "messages must be a list")
        messages = [_message(item) for item in fields["messages"]]
    else:
        _check("prompt" in fields, "it has neither prompt nor messages")
        messages = [_message({"role": "user", "content": fields["prompt"]})]
    _check(any(message.content.strip() for message in messages), "the prompt is empty")
    if system is not None and messages[0].role != "system":
        messages = [_message({"role": "system", "content": system}), *messages]
    return Request(messages, _params(fields).over(params))


def _message(item: object) -> Message:
    if not isinstance(item, dict) or item.get("role") not in _ROLES:
        raise UsageError(f"a message must have a role of {', '.join(_ROLES)}")
    content = item.get("content")
    if not isinstance(content, str):
        raise UsageError("a message's content must be a text")
    try:
        content.encode()
    except UnicodeEncodeError:
        raise UsageError("it is not valid Unicode: it holds half of a surrogate pair") from None
    return Message(item["role"], content)


def _params(fields: Mapping[str, Any]) -> SamplingParams:
    known = {name: fields[name] for name in sampling.NAMES if fields.get(name) is not None}
    if fields.get("max_tokens") is not None:
        known.setdefault("max_new_tokens", fields["max_tokens"])
    return SamplingParams.from_mapping(known)


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise UsageError(fault)
