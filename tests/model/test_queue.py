"""Requests wait for a model in order, learn how many are before them, and may be cancelled."""

from contextlib import ExitStack
from threading import Event, Thread

import pytest

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, Message
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.queue import SlotQueue
from qwen_chat.sampling import SamplingParams


def test_a_free_slot_is_taken_at_once() -> None:
    queue = SlotQueue(2)
    with queue.enter() as first, queue.enter() as second:
        assert [list(queue.wait(ticket, None)) for ticket in (first, second)] == [[], []]


def test_requests_begin_in_the_order_in_which_they_came() -> None:
    queue, begun = SlotQueue(1), []
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(queue.enter())
        mine = [stack.enter_context(ExitStack()) for _ in range(3)]
        tickets = [own.enter_context(queue.enter()) for own in mine]

        def begin(number: int) -> None:
            with mine[number]:
                begun.append((number, list(queue.wait(tickets[number], None))))

        threads = [Thread(target=begin, args=(number,)) for number in (2, 1, 0)]
        for thread in threads:
            thread.start()
        first.close()
        for thread in threads:
            thread.join(10)
    assert [number for number, _ in begun] == [0, 1, 2]
    assert begun[2][1][0] in (1, 2, 3)
    assert sorted(begun[2][1], reverse=True) == begun[2][1]


def test_a_cancelled_request_holds_up_no_other() -> None:
    queue, cancel = SlotQueue(1), Event()
    first, second = ExitStack(), ExitStack()
    first.enter_context(queue.enter())
    waiting = queue.wait(second.enter_context(queue.enter()), cancel)
    with queue.enter() as third:
        assert next(waiting) == 1
        cancel.set()
        assert list(waiting) == []
        second.close()
        assert next(queue.wait(third, None)) == 1
        first.close()
        assert list(queue.wait(third, None)) == []


def test_a_full_queue_refuses_requests() -> None:
    queue = SlotQueue(1, max_waiting=1)
    with (
        queue.enter(),
        queue.enter(),
        pytest.raises(ModelError, match="1 request is waiting already: try again"),
        queue.enter(),
    ):
        """The third request is refused."""


def test_a_model_of_one_slot_answers_one_request_after_the_other(model: LlamaCppModel) -> None:
    loading = LoadingModel("one slot", lambda: model, parallel=1)
    params = SamplingParams(max_new_tokens=8, seed=1)
    first = loading.stream([Message("user", "Count to ten.")], params)
    assert next(delta for delta in first if delta.text).waiting is None

    seen: list[Delta] = []

    def ask() -> None:
        seen.extend(loading.stream([Message("user", "Say hello.")], params))

    second = Thread(target=ask)
    second.start()
    while not seen:
        assert second.is_alive()
    assert seen == [Delta(waiting=1)]
    first.close()
    second.join(60)
    assert seen[-1].finish_reason in ("stop", "length")
