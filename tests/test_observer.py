"""Telling those who want to know."""

from contextlib import AbstractContextManager

from qwen_chat.observer import Observable


def test_who_wants_to_know_is_told_inside_the_block_only() -> None:
    changes, told = Observable(), []
    with changes.subscribe(lambda: told.append("first")):
        with changes.subscribe(lambda: told.append("second")):
            changes.notify()
        changes.notify()
    changes.notify()
    assert told == ["first", "second", "first"]


def test_one_who_leaves_while_all_are_told_keeps_nobody_from_it() -> None:
    changes, told = Observable(), []
    leaving: AbstractContextManager[None] = changes.subscribe(lambda: _leave(leaving))
    leaving.__enter__()
    with changes.subscribe(lambda: told.append("told")):
        changes.notify()
        changes.notify()
    assert told == ["told", "told"]


def _leave(block: AbstractContextManager[None]) -> None:
    block.__exit__(None, None, None)
