"""Runs jobs, and gives their results in order, whichever is finished first."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import Event

from qwen_chat.batch.jobs import Job
from qwen_chat.batch.results import Result
from qwen_chat.errors import ModelError, as_model_error
from qwen_chat.message import Delta, Usage
from qwen_chat.model.base import BatchingModel, ChatModel, CompletedAnswer, supports_batching

_BATCHES_SORTED = 4
"""Batches whose prompts are sorted by length together, so that little is wasted on padding."""


def run_jobs(
    model: ChatModel, jobs: Iterator[Job], *, batch_size: int, parallel: int, cancel: Event
) -> Generator[Result, None, None]:
    """Yield the jobs with their answers, in order, until `cancel` is set or the generator is closed.

    A model that batches gets `batch_size` prompts at a time; any other gets `parallel` requests at once.
    """
    if supports_batching(model):
        yield from _run_batches(model, jobs, batch_size, cancel)
    else:
        yield from _run_in_threads(model, jobs, parallel, cancel)


def _run_batches(
    model: BatchingModel, jobs: Iterator[Job], batch_size: int, cancel: Event
) -> Iterator[Result]:
    while window := list(islice(jobs, _BATCHES_SORTED * batch_size)):
        yield from _run_window(model, window, batch_size, cancel)
        if cancel.is_set():
            return


def _run_window(
    model: BatchingModel, window: Sequence[Job], batch_size: int, cancel: Event
) -> Iterator[Result]:
    """Yield the results of a window in order; prompts of similar length are answered together."""
    answers: dict[int, CompletedAnswer | ModelError] = {
        number: ModelError(job.error) for number, job in enumerate(window) if job.request is None
    }
    batches = _batch_by_length(window, batch_size)
    for number, job in enumerate(window):
        while number not in answers:
            batch = next(batches)
            found = _answer_batch(model, [window[n] for n in batch], cancel)
            answers |= dict(zip(batch, found, strict=True))
            if cancel.is_set():
                return
        yield job, answers[number]


def _batch_by_length(window: Sequence[Job], batch_size: int) -> Iterator[list[int]]:
    """Yield the numbers of the jobs in batches, the shortest prompts first."""
    numbers = [number for number, job in enumerate(window) if job.request is not None]
    numbers.sort(key=lambda number: _prompt_length(window[number]))
    for start in range(0, len(numbers), batch_size):
        yield numbers[start : start + batch_size]


def _answer_batch(model: BatchingModel, jobs: list[Job], cancel: Event) -> list[CompletedAnswer | ModelError]:
    requests = [job.request for job in jobs if job.request is not None]
    try:
        return model.answer(requests, cancel=cancel)
    except Exception as error:  # noqa: BLE001 - an engine's error goes into its lines, and the run goes on
        return [as_model_error(error)] * len(jobs)


def _run_in_threads(model: ChatModel, jobs: Iterator[Job], parallel: int, cancel: Event) -> Iterator[Result]:
    pending: deque[tuple[Job, Future[CompletedAnswer | ModelError]]] = deque()
    with ThreadPoolExecutor(parallel) as pool:
        try:
            while True:
                for job in islice(jobs, 2 * parallel - len(pending)):
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
            _abandon([future for _, future in pending], cancel)


def _abandon(pending: Sequence[Future[CompletedAnswer | ModelError]], cancel: Event) -> None:
    """Cancel what is pending, so that a caller that leaves early does not wait for it."""
    if pending:
        cancel.set()
    for future in pending:
        future.cancel()


def _answer(model: ChatModel, job: Job, cancel: Event) -> CompletedAnswer | ModelError:
    if job.request is None:
        return ModelError(job.error)
    try:
        request = job.request
        deltas = list(model.stream(request.messages, request.params, request.options, cancel=cancel))
    except Exception as error:  # noqa: BLE001 - an engine's error goes into its line, and the run goes on
        return as_model_error(error)
    text, reasoning = "".join(d.text for d in deltas), "".join(d.reasoning for d in deltas)
    last = deltas[-1] if deltas else Delta()
    return CompletedAnswer(text, reasoning, last.finish_reason or "interrupted", last.usage or Usage())


def _prompt_length(job: Job) -> int:
    return sum(len(message.content) for message in job.request.messages) if job.request else 0
