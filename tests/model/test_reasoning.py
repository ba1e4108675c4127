"""Reasoning is parted from the answer, however the text is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.model.reasoning import ReasoningSplitter

CASES = [
    ("<think>\nlet me see\n</think>\n\nParis", "let me see", "Paris"),
    ("<think>\n\n</think>\n\nParis", "", "Paris"),
    ("\n<think>a</think>b", "a", "b"),
    ("Paris", "", "Paris"),
    ("  Paris", "", "  Paris"),
    ("Write <think> to think, </think> to stop.", "", "Write <think> to think, </think> to stop."),
    ("<thin air", "", "<thin air"),
    ("<think>never closed", "never closed", ""),
    ("<think>a</thin b</think>c", "a</thin b", "c"),
    ("<think>a</think>b <think>c</think>", "a", "b <think>c</think>"),
    ("", "", ""),
    ("<", "", "<"),
]


def split(pieces: list[str], splitter: ReasoningSplitter | None = None) -> tuple[str, str]:
    splitter = splitter or ReasoningSplitter()
    parts = [part for piece in pieces for part in splitter.feed(piece)] + list(splitter.flush())
    return "".join(reasoning for _, reasoning in parts), "".join(text for text, _ in parts)


@pytest.mark.parametrize(("text", "reasoning", "answer"), CASES)
def test_whole_and_by_the_character(text: str, reasoning: str, answer: str) -> None:
    assert split([text]) == (reasoning, answer)
    assert split(list(text)) == (reasoning, answer)


def test_a_prompt_that_opens_the_reasoning() -> None:
    assert split(["so", "\n</th", "ink>\n", "\nyes"], ReasoningSplitter("reasoning")) == ("so", "yes")


def test_a_model_that_never_reasons_is_taken_at_its_word() -> None:
    assert split(["<think>", "\na"], ReasoningSplitter("answer")) == ("", "<think>\na")


def test_reasoning_is_gone_on_with() -> None:
    splitter = ReasoningSplitter("reasoning", has_reasoning=True)
    assert split(["\nso", "\n</think>yes"], splitter) == ("\nso", "yes")


@given(st.sampled_from(CASES), st.lists(st.integers(0, 40), max_size=8))
def test_any_cut_gives_the_same(case: tuple[str, str, str], cuts: list[int]) -> None:
    text, reasoning, answer = case
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert split(pieces) == (reasoning, answer)
