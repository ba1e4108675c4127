"""Each kind of template writes the prompt that transformers writes, on hostile texts as on plain ones."""

from pathlib import Path

import pytest
from template_check import compare

KINDS = Path(__file__).with_name("kinds")

EXACT = {
    "built_tokens": {"equal"},
    "chatml": {"equal"},
    "decorated": {"equal"},
    "everything": {"equal", "equal text"},
    "system_in_question": {"equal", "refused"},
    "thinking": {"equal", "equal text"},
    "trimmed": {"equal"},
}
"""Templates that get conversations as they are, and what comes of them; those without tools refuse these."""

FITTED = {
    "no_system": {"equal", "adapted", "refused"},
    "parts_only": {"differs"},
    "silent_system": {"equal", "differs"},
}
"""Templates for which transformers refuses a system prompt, or leaves out texts without a word."""


def source(kind: str) -> str:
    return (KINDS / f"{kind}.jinja").read_text(encoding="utf-8")


def test_all_kinds_are_listed() -> None:
    assert {path.stem for path in KINDS.glob("*.jinja")} == {*EXACT, *FITTED}


@pytest.mark.parametrize("kind", EXACT)
def test_prompts_equal_those_of_transformers(kind: str) -> None:
    outcomes = compare(source(kind))
    assert len(outcomes) == 21
    assert {outcome.kind for outcome in outcomes} == EXACT[kind]
    # The tokens of plain conversations are always equal.
    assert {o.kind for o in outcomes if not o.case.hostile and not o.case.options.tools} == {"equal"}


@pytest.mark.parametrize("kind", FITTED)
def test_no_text_of_a_conversation_is_lost(kind: str) -> None:
    outcomes = compare(source(kind))
    assert {outcome.kind for outcome in outcomes} == FITTED[kind]
    for outcome in outcomes:
        if outcome.kind == "differs":
            assert not all(message.content in outcome.theirs for message in outcome.case.messages)
            told = [m.content for m in outcome.case.messages if m.role in ("system", "user", "assistant")]
            assert all(text in outcome.ours for text in told)
