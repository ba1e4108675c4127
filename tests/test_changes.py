"""Telling those who want to know."""

from contextlib import AbstractContextManager

from qwen_chat.observer import Changes


def test_who_wants_to_know_is_told_inside_the_block_only() -> None:
    changes, told = Changes(), []
    with changes.telling(lambda: told.append("first")):
        with changes.telling(lambda: told.append("second")):
            changes.tell()
        changes.tell()
    changes.tell()
    assert told == ["first", "second", "first"]


def test_one_who_leaves_while_all_are_told_keeps_nobody_from_it() -> None:
    changes, told = Changes(), []
    leaving: AbstractContextManager[None] = changes.telling(lambda: _leave(leaving))
    leaving.__enter__()
    with changes.telling(lambda: told.append("told")):
        changes.tell()
        changes.tell()
    assert told == ["told", "told"]


def _leave(block: AbstractContextManager[None]) -> None:
    block.__exit__(None, None, None)
