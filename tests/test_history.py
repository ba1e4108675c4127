"""The tree of a conversation: every move keeps what was said, an error moves nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import UsageError
from qwen_chat.history import AnswerDetails, History, Node
from qwen_chat.message import Message, Usage

DONE = AnswerDetails("demo", finish_reason="stop", usage=Usage(3, 0, 5))


def talk(*texts: str) -> History:
    """Return a conversation of questions and answers in turn."""
    history = History()
    for number, text in enumerate(texts):
        if number % 2:
            history.add(Message("assistant", text), DONE)
        else:
            history.add(Message("user", text))
    return history


def contents(nodes: list[Node]) -> list[str]:
    return [node.message.content for node in nodes]


def test_an_empty_conversation() -> None:
    history = History()
    assert (len(history), history.message_count(), history.path(), history.nodes()) == (0, 0, [], [])
    assert history.head is None
    assert len(history.id) == 12


def test_messages_follow_each_other() -> None:
    history = talk("q1", "a1", "q2", "a2")
    assert contents(history.path()) == ["q1", "a1", "q2", "a2"]
    first, second = history.path()[:2]
    assert (first.parent, second.parent) == (None, first.id)
    assert second.answer == DONE
    assert first.id in history
    assert history[first.id] is first


def test_undo_takes_turns_out_of_view_and_keeps_them() -> None:
    history = talk("q1", "a1", "q2", "a2", "q3", "a3")
    assert contents(history.undo(2)) == ["q2", "a2", "q3", "a3"]
    assert contents(history.path()) == ["q1", "a1"]
    assert history.message_count() == 6
    assert contents(history.undo()) == ["q1", "a1"]
    assert history.path() == []


@pytest.mark.parametrize("turns", [0, -1, 3, 10**9])
def test_undo_of_turns_that_are_not_there(turns: int) -> None:
    history = talk("q1", "a1", "q2", "a2")
    head = history.head
    with pytest.raises(UsageError, match=f"cannot undo {turns}: the branch in view has 2 turns"):
        history.undo(turns)
    assert history.head == head


def test_undo_keeps_the_greeting() -> None:
    history = History()
    history.add(Message("assistant", "hello"), DONE)
    history.add(Message("user", "q1"))
    assert contents(history.undo()) == ["q1"]
    assert contents(history.path()) == ["hello"]


def test_ask_again_returns_to_the_question() -> None:
    history = talk("q1", "a1", "q2", "a2")
    question = history.rewind_to_question()
    assert question.message.content == "q2"
    history.add(Message("assistant", "a2, better"), DONE)
    assert contents(history.path()) == ["q1", "a1", "q2", "a2, better"]
    assert contents(history.siblings(history.path()[-1].id)) == ["a2", "a2, better"]
    assert history.answer_count(question.id) == 2


def test_ask_again_before_any_question() -> None:
    history = History()
    greeting = history.add(Message("assistant", "hello"), DONE)
    with pytest.raises(UsageError, match="ask something first"):
        history.rewind_to_question()
    assert history.head == greeting.id


def test_edit_of_a_question_begins_a_branch() -> None:
    history = talk("q1", "a1", "q2", "a2")
    edited = history.edit(history.message_at(3).id, "q2, clearer")
    assert contents(history.path()) == ["q1", "a1", "q2, clearer"]
    assert contents(history.siblings(edited.id)) == ["q2", "q2, clearer"]
    assert edited.answer is None


def test_edit_of_an_answer_says_that_it_was_not_counted() -> None:
    history = talk("q1", "a1")
    edited = history.edit(history.message_at(2).id, "a1, by hand")
    assert edited.answer == replace(DONE, usage=None)
    assert contents(history.path()) == ["q1", "a1, by hand"]


@pytest.mark.parametrize("number", [0, -1, 3])
def test_edit_of_a_message_that_is_not_there(number: int) -> None:
    history = talk("q1", "a1")
    head, nodes = history.head, history.nodes()
    with pytest.raises(UsageError, match=f"no message {number}: the branch in view has 2 messages"):
        history.edit(history.message_at(number).id, "x")
    assert (history.head, history.nodes()) == (head, nodes)


def test_one_message_is_not_messages() -> None:
    with pytest.raises(UsageError, match=r"has 1 message$"):
        talk("q1").message_at(2)


def test_a_system_prompt_is_no_message_of_the_branch() -> None:
    history = talk("q1", "a1")
    first = history.set_system("be brief")
    second = history.set_system("be long")
    assert history.system is second
    assert contents(history.path()) == ["q1", "a1"]
    assert history.message_count() == 2
    assert first in history.nodes()
    with pytest.raises(UsageError):
        history.move_head(first.id)


def test_a_move_to_nowhere() -> None:
    history = talk("q1", "a1")
    head = history.head
    with pytest.raises(UsageError, match="no message 'x' in this conversation"):
        history.move_head("x")
    assert history.head == head
    history.move_head(None)
    assert history.path() == []
    history.move_head(head)
    assert contents(history.path()) == ["q1", "a1"]


def test_update_finishes_an_answer_in_its_place() -> None:
    history = talk("q1")
    begun = history.add(Message("assistant", ""), AnswerDetails("demo"))
    history.update(replace(begun, message=Message("assistant", "done"), answer=DONE))
    assert contents(history.path()) == ["q1", "done"]
    assert history.message_count() == 2


def test_restore_makes_the_same_tree() -> None:
    history = talk("q1", "a1", "q2", "a2")
    history.set_system("be brief")
    history.edit(history.message_at(1).id, "q1, clearer")
    again = History.restore(
        history.id,
        history.title,
        history.nodes(),
        history.head,
        history.system.id if history.system else None,
    )
    assert (again.nodes(), again.path(), again.system) == (history.nodes(), history.path(), history.system)


def test_restore_of_what_is_left_of_a_conversation() -> None:
    history = talk("q1", "a1", "q2", "a2")
    left = history.nodes()[2:]
    again = History.restore(history.id, "", left, history.head, "no system prompt")
    assert contents(again.path()) == ["q2", "a2"]
    assert again.system is None
    assert History.restore(history.id, "", left, "no message", None).path() == []


def test_restore_of_a_loop_ends() -> None:
    first = Node(Message("user", "q"), parent="b", id="a")
    second = Node(Message("assistant", "a"), parent="a", id="b")
    themselves = Node(Message("user", "q"), parent="c", id="c")
    history = History.restore("x", "", [first, second, themselves], "b", None)
    assert [node.id for node in history.path()] == ["a", "b"]
    history.move_head("c")
    assert [node.id for node in history.path()] == ["c"]


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.text(max_size=5)),
        st.tuples(st.just("answer"), st.text(max_size=5)),
        st.tuples(st.just("set_system"), st.text(max_size=5)),
        st.tuples(st.just("undo"), st.integers(-1, 4)),
        st.tuples(st.just("edit"), st.integers(-1, 8)),
        st.tuples(st.just("move"), st.integers(-2, 20)),
        st.tuples(st.just("rewind_to_question"), st.none()),
    ),
    max_size=40,
)


def make(history: History, move: str, argument: Any) -> None:
    match move:
        case "say":
            history.add(Message("user", argument))
        case "answer":
            history.add(Message("assistant", argument), DONE)
        case "set_system":
            history.set_system(argument)
        case "undo":
            history.undo(argument)
        case "edit":
            history.edit(history.message_at(argument).id, "edited")
        case "move":
            nodes = history.nodes()
            there = 0 <= argument < len(nodes)
            history.move_head(nodes[argument].id if there else None if argument == -1 else "nowhere")
        case _:
            history.rewind_to_question()


def is_a_branch(history: History) -> bool:
    """Tell whether the path leads from a root to the head, each message below the one before."""
    path = history.path()
    parents = [None, *(node.id for node in path)]
    return [*(node.parent for node in path), history.head] == parents


@examples(300)
@given(moves=MOVES)
def test_no_move_forgets_or_changes_a_message(moves: list[tuple[str, Any]]) -> None:
    history = History()
    for move, argument in moves:
        before, head, system = history.nodes(), history.head, history.system
        try:
            make(history, move, argument)
        except UsageError:
            assert (history.nodes(), history.head, history.system) == (before, head, system)
        assert history.nodes()[: len(before)] == before
        assert len(history) - len(before) == (move in {"say", "answer", "set_system"}) or move == "edit"
        assert is_a_branch(history)
        assert all(node.message.role != "system" for node in history.path())
        assert all(node in history.siblings(node.id) for node in history.path())
    again = History.restore("x", "", history.nodes(), history.head, None)
    assert (again.nodes(), again.path(), again.message_count()) == (
        history.nodes(),
        history.path(),
        history.message_count(),
    )
