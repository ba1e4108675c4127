"""Grammars of whole answers: reasoning is free, and what comes after it is not."""

import pytest

from qwen_chat.message import Tool
from qwen_chat.model.base import OutputOptions
from qwen_chat.model.grammar import (
    either_grammar,
    json_grammar,
    json_object_grammar,
    tool_call_grammar,
    whole_grammar,
)
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.reasoning_marks import KNOWN, THINK, ReasoningMarks

TOOLS = [Tool("look", "looks", {"type": "object", "properties": {"a": {"type": "string"}}})]


def fault(grammar: str) -> str:
    from llguidance import LLMatcher

    return str(LLMatcher.validate_grammar(grammar))


@pytest.mark.parametrize("marks", KNOWN, ids=lambda marks: marks.opening)
@pytest.mark.parametrize("state", ["start", "reasoning", "answer"])
@pytest.mark.parametrize(
    "answer",
    [
        json_object_grammar(),
        tool_call_grammar(TOOLS),
        either_grammar(json_grammar({"type": "array"}), tool_call_grammar(TOOLS)),
    ],
)
def test_a_grammar_of_a_whole_answer_is_valid(marks: ReasoningMarks, state: str, answer: str) -> None:
    splitter = ReasoningSplitter(state, marks)  # type: ignore[arg-type]
    assert fault(whole_grammar(OutputOptions(answer), splitter)) == ""


def test_reasoning_comes_before_what_is_restricted() -> None:
    restricted = OutputOptions(json_object_grammar())
    free, begun, none = (
        whole_grammar(restricted, ReasoningSplitter(state, THINK))
        for state in ("start", "reasoning", "answer")
    )
    assert none == f"%llguidance {{}}\nstart: answer\n{restricted.grammar}"
    assert r"<\/think>" in begun
    assert "<think>" not in begun
    assert "<think>" in free


def test_no_grammar_restricts_nothing() -> None:
    assert whole_grammar(OutputOptions(), ReasoningSplitter("start")) == ""
