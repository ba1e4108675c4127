"""Who waits for a model: in order, told how many are before, free to leave."""

from threading import Event, Thread

import pytest

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, Message
from qwen_chat.model.line import Line
from qwen_chat.model.llamacpp import LlamaCppModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.sampling import SamplingParams


def test_a_free_place_is_taken_at_once() -> None:
    line = Line(2)
    places = [line.join(), line.join()]
    assert [list(line.wait(place, None)) for place in places] == [[], []]


def test_those_who_wait_begin_in_the_order_they_came() -> None:
    line, begun = Line(1), []
    first, *others = [line.join() for _ in range(4)]

    def begin(number: int, place: object) -> None:
        begun.append((number, list(line.wait(place, None))))
        line.leave(place)

    threads = [Thread(target=begin, args=(number, place)) for number, place in enumerate(others, 1)]
    for thread in reversed(threads):
        thread.start()
    line.leave(first)
    for thread in threads:
        thread.join(10)
    assert [number for number, _ in begun] == [1, 2, 3]
    assert begun[2][1][0] in (1, 2, 3)
    assert sorted(begun[2][1], reverse=True) == begun[2][1]


def test_one_who_no_longer_waits_holds_up_nobody() -> None:
    line, cancel = Line(1), Event()
    first, second, third = (line.join() for _ in range(3))
    waiting = line.wait(second, cancel)
    assert next(waiting) == 1
    cancel.set()
    assert list(waiting) == []
    line.leave(second)
    assert next(line.wait(third, None)) == 1
    line.leave(first)
    assert list(line.wait(third, None)) == []


def test_a_line_that_is_too_long_is_said() -> None:
    line = Line(1, longest=1)
    line.join()
    line.join()
    with pytest.raises(ModelError, match="1 wait already: try again"):
        line.join()


def test_a_model_of_one_place_answers_one_after_the_other(model: LlamaCppModel) -> None:
    loading = LoadingModel("one place", lambda: model, places=1)
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
