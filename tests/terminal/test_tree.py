"""The tree and the tokens as a person sees them: the real command on a real pty, with the real demo model."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import Terminal

CALM = ("--temperature", "0", "--max-new-tokens", "6")
SKY = "Name three colours of the sky, please."


@pytest.fixture
def chat(model_path: Path) -> Iterator[Terminal]:
    opened = Terminal(*CALM)
    opened.ready()
    yield opened
    opened.kill()


def answer(shown: str) -> str:
    """Return the answer of what was printed between two prompts."""
    return shown.splitlines()[1]


def test_a_cut_answer_is_gone_on_with_in_place(chat: Terminal) -> None:
    first = chat.say(SKY)
    assert "cut: a larger max_new_tokens allows more" in first
    shown = chat.say("/continue")
    assert answer(shown).startswith(answer(first))
    assert len(answer(shown)) > len(answer(first))
    assert "prefill avoided 9" in shown or "prefill avoided 100%" in shown
    assert f"[2] Assistant (length): {answer(shown)}" in chat.say("/history")


def test_alternatives_are_seen_and_taken(chat: Terminal) -> None:
    first = answer(chat.say(SKY))
    listed = chat.say("/alt 3")
    found = re.findall(r"^ +(\d) +([\d.]+)% ", listed, re.MULTILINE)
    assert [number for number, _ in found] == [*"12345678"]
    assert "said" in listed.splitlines()[2]
    second = answer(chat.say("/alt 3 2"))
    assert second != first
    assert second.split()[0] == first.split()[0]
    drawn = chat.say("/branches").splitlines()[1:]
    assert [line[:14] for line in drawn] == [
        "● You: Name th",
        "│  ○ Assistant",
        "● Assistant: "[:14] + drawn[2][13],
    ]
    assert drawn[1].endswith("[1]")
    assert drawn[2].endswith("[2] in view")
    assert first in chat.say("/switch 1")


def test_tokens_are_drawn_in_colours_and_without(chat: Terminal) -> None:
    chat.say(SKY)
    chat.raw = b""
    shown = chat.say("/prompt")
    assert "user, " in shown
    assert f"<|im_start|>user⏎\n{SKY}<|im_end|>⏎" in shown
    assert len(set(re.findall(rb"48;5;\d+", chat.raw))) == 3
    detailed = chat.say("/prompt ids")
    assert re.search(r"^ +1 +1 +⟦<\|im_start\|>⟧ +3c 7c 69 6d", detailed, re.MULTILINE)
    assert "3 tokens" in chat.say("/tokens one two three")
    wide = chat.say("/tokens 早")
    assert "e6" in wide


def test_what_no_longer_fits_is_told(model_path: Path) -> None:
    opened = Terminal(*CALM, "--ctx-size", "256")
    opened.ready()
    for number in range(1, 5):
        opened.say(f"{number}. {SKY} " + "And tell me which of them is the rarest one. " * 5)
    shown = opened.say("/prompt")
    assert f"1. {SKY}" not in shown
    assert f"4. {SKY}" in shown
    assert "left out, since the context is full: the oldest 2 turns" in shown
    assert "left out    2 oldest turns" in opened.say("/stats")
    assert opened.leave() == 0


def test_plain_tokens_have_bars(model_path: Path) -> None:
    opened = Terminal(*CALM, "--plain")
    opened.ready()
    opened.say(SKY)
    assert "⟦<|im_start|>⟧|user|" in opened.say("/prompt")
    assert opened.leave() == 0


def test_what_cannot_be_done_is_one_line_and_the_chat_goes_on(chat: Terminal) -> None:
    for line, fault in (
        ("/continue", "there is no answer at the end of this branch: ask something, or /retry"),
        ("/alt 1", "there is no answer at the end of this branch"),
        ("/switch nowhere", "no branch nowhere: /branches shows 0"),
        ("/fork 1", "no message 1"),
        ("/branches", "nothing has been said yet"),
        ("/think maybe", "/think maybe: write /think on, /think off or /think auto"),
        ("/think off", "this model does not reason, so it has no effect"),
    ):
        shown = chat.say(line)
        assert fault in shown
        assert len(shown.splitlines()) == 2, shown
    assert answer(chat.say(SKY))
