"""Answers at the same time share a context: those that do not fit together are written in turn."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from qwen_chat.message import Delta, Message
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.llamacpp.shared_context import SharedContext
from qwen_chat.model.queue import Ticket
from qwen_chat.sampling import SamplingParams

ANSWER = 80
PEOPLE = ("a fox", "a lighthouse", "an old clock")


@pytest.fixture(scope="module")
def narrow(model_path: Path) -> Iterator[LlamaCppModel]:
    """The demo model with room for one answer and a half, which never ends by itself."""
    options = LlamaCppOptions(threads=1, ctx_size=256, parallel=len(PEOPLE), ignore_end=True)
    opened = LlamaCppModel(model_path, "narrow", options)
    yield opened
    opened.close()


def asked(about: str) -> Message:
    """Return a question of so many words that two answers do not fit together."""
    return Message("user", f"Write a long story about {about}, as long as you can{', please' * 15}.")


def ask(model: LlamaCppModel, about: str, cancel: Event | None = None) -> list[Delta]:
    question = [asked(about)]
    params = SamplingParams(max_new_tokens=ANSWER, temperature=0)
    return list(model.stream(question, params, cancel=cancel))


def all_at_once(model: LlamaCppModel) -> list[list[Delta]]:
    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        return list(pool.map(lambda about: ask(model, about), PEOPLE))


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def assert_whole(model: LlamaCppModel, answers: list[list[Delta]]) -> None:
    for about, deltas in zip(PEOPLE, answers, strict=True):
        usage = deltas[-1].usage
        assert deltas[-1].finish_reason == "length"
        assert usage is not None
        assert (usage.prompt_tokens, usage.completion_tokens) == (prompt_tokens(model, about), ANSWER)
        begun = [asked(about), Message("assistant", text(deltas))]
        assert model.count(begun) == usage.context_tokens


def prompt_tokens(model: LlamaCppModel, about: str) -> int:
    return len(model.encode([asked(about)]))


def test_answers_that_do_not_fit_together_are_all_written_whole(narrow: LlamaCppModel) -> None:
    answers = all_at_once(narrow)
    assert_whole(narrow, answers)
    assert any(delta.waiting for deltas in answers for delta in deltas)


def test_an_answer_that_gives_way_goes_on_from_its_very_tokens(
    narrow: LlamaCppModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(narrow, PEOPLE[0])  # what the engine has read before changes its sums in the last place
    whole = text(ask(narrow, PEOPLE[0]))
    begun = prompt_tokens(narrow, PEOPLE[0])
    full = {begun + tokens for tokens in (20, 50, ANSWER)}
    monkeypatch.setattr(SharedContext, "should_preempt", lambda _self, ticket: ticket.tokens in full)
    deltas = ask(narrow, PEOPLE[0])
    assert text(deltas) == whole
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion_tokens == ANSWER


def test_the_engine_itself_may_find_the_context_full(
    narrow: LlamaCppModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedContext, "should_preempt", lambda _self, _place: False)
    assert_whole(narrow, all_at_once(narrow))


def test_one_who_waits_for_room_can_be_stopped(narrow: LlamaCppModel) -> None:
    cancel = Event()
    first = narrow.stream([Message("user", "yes " * 200)], SamplingParams(max_new_tokens=2))
    next(first)
    stream = narrow.stream([Message("user", "yes " * 100)], SamplingParams(), cancel=cancel)
    assert next(stream) == Delta(waiting=1)
    cancel.set()
    (end,) = stream
    assert end.finish_reason == "interrupted"
    first.close()


@pytest.fixture
def tickets() -> Iterator[Callable[..., list[Ticket]]]:
    """Enter a queue with requests of these many tokens each."""
    with ExitStack() as stack:
        yield lambda context, *tokens: [stack.enter_context(context.enter(number)) for number in tokens]


def begins(context: SharedContext, ticket: Ticket) -> bool:
    return not next(context.wait(ticket, None), 0)


def test_who_fits_begins_and_who_does_not_waits_in_order(tickets: Callable[..., list[Ticket]]) -> None:
    context = SharedContext(1000)
    entered = tickets(context, 400, 400, 300, 10)
    assert [begins(context, ticket) for ticket in entered] == [True, True, False, False]


def test_the_first_of_all_always_begins(tickets: Callable[..., list[Ticket]]) -> None:
    context = SharedContext(1000)
    (whole,) = tickets(context, 999)
    assert begins(context, whole)
    assert not context.should_preempt(whole)


def test_the_youngest_gives_way_and_no_other(tickets: Callable[..., list[Ticket]]) -> None:
    context = SharedContext(1000)
    entered = tickets(context, 300, 300, 300)
    assert not any(context.should_preempt(ticket) for ticket in entered)
    entered[0].tokens += 90
    assert [context.should_preempt(ticket) for ticket in entered] == [False, False, True]
