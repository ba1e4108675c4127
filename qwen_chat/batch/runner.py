"""Jobs -> answers in their order, though they may be ready in another."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from qwen_chat.batch.answers import Result
from qwen_chat.batch.jobs import Job
from qwen_chat.errors import ModelError, as_model_error
from qwen_chat.message import Delta, Usage
from qwen_chat.model.base import BatchingModel, ChatModel, CompletedAnswer, supports_batching

_WINDOW = 4
"""Batches that are sorted by length together, to waste little on padding."""


def run(
    model: ChatModel, jobs: Iterator[Job], *, batch_size: int, parallel: int, cancel: Event
) -> Generator[Result, None, None]:
    """Yield the jobs with their answers, in order, until `cancel` is set or the generator is closed.

    An engine that batches gets `batch_size` prompts at a time; others get `parallel` at once.
    """
    if supports_batching(model):
        yield from _in_batches(model, jobs, batch_size, cancel)
    else:
        yield from _at_once(model, jobs, parallel, cancel)


def _in_batches(
    model: BatchingModel, jobs: Iterator[Job], batch_size: int, cancel: Event
) -> Iterator[Result]:
    while window := [job for _, job in zip(range(_WINDOW * batch_size), jobs, strict=False)]:
        answers: dict[int, CompletedAnswer | ModelError] = {
            number: ModelError(job.error) for number, job in enumerate(window) if job.request is None
        }
        waiting = sorted(set(range(len(window))) - set(answers), key=lambda number: _length(window[number]))
        shown = 0
        while shown < len(window):
            while shown in answers:
                yield window[shown], answers[shown]
                shown += 1
            part, waiting = waiting[:batch_size], waiting[batch_size:]
            if part:
                answers |= dict(zip(part, _together(model, [window[n] for n in part], cancel), strict=True))
            if cancel.is_set():
                return


def _together(model: BatchingModel, jobs: list[Job], cancel: Event) -> list[CompletedAnswer | ModelError]:
    requests = [job.request for job in jobs if job.request is not None]
    try:
        return model.answer(requests, cancel=cancel)
    except Exception as error:  # noqa: BLE001 - an engine's fault is told in its lines, and the run goes on
        return [as_model_error(error)] * len(jobs)


def _at_once(model: ChatModel, jobs: Iterator[Job], parallel: int, cancel: Event) -> Iterator[Result]:
    pending: deque[tuple[Job, Future[CompletedAnswer | ModelError]]] = deque()
    with ThreadPoolExecutor(parallel) as pool:
        try:
            while True:
                for _, job in zip(range(2 * parallel - len(pending)), jobs, strict=False):
                    pending.append((job, pool.submit(_answer, model, job, cancel)))
                if not pending:
                    return
                job, future = pending[0]
                answer = future.result()
                if cancel.is_set():
                    return
                pending.popleft()
                yield job, answer
        finally:
            # Whoever leaves early does not wait for the answers that were begun.
            if pending:
                cancel.set()
            for _, future in pending:
                future.cancel()


def _answer(model: ChatModel, job: Job, cancel: Event) -> CompletedAnswer | ModelError:
    if job.request is None:
        return ModelError(job.error)
    try:
        asked = job.request
        deltas = list(model.stream(asked.messages, asked.params, asked.options, cancel=cancel))
    except Exception as error:  # noqa: BLE001 - an engine's fault is told in its line, and the run goes on
        return as_model_error(error)
    text, reasoning = "".join(d.text for d in deltas), "".join(d.reasoning for d in deltas)
    last = deltas[-1] if deltas else Delta()
    return CompletedAnswer(text, reasoning, last.finish_reason or "interrupted", last.usage or Usage())


def _length(job: Job) -> int:
    return sum(len(message.content) for message in job.request.messages) if job.request else 0
