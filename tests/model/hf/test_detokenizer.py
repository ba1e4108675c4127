"""Ids become text whole: no half characters, and nothing from a stop text on."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qwen_chat.model.hf.detokenizer import Detokenizer

AWKWARD = "👩‍👩‍👧‍👦 🇨🇳🇫🇷 ภาษาไทย 你好，世界 हिन्दी é\u0301 naïve 🤷🏽‍♀️ ﷺ \u200d end"


@pytest.fixture(scope="module")
def tokenizer(smol_path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(smol_path / "tokenizer.json"))


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


def test_awkward_text_comes_whole_and_early(tokenizer: Tokenizer) -> None:
    stream = Detokenizer(tokenizer)
    pieces = [stream.feed([id]) for id in ids(tokenizer, AWKWARD)]
    assert "".join(pieces) + stream.flush() == AWKWARD
    assert not any("\ufffd" in piece for piece in pieces)
    assert sum(map(bool, pieces)) > len(AWKWARD.split())


def test_half_a_character_at_the_end_is_left_out(tokenizer: Tokenizer) -> None:
    found = ids(tokenizer, "so 🤷")
    stream = Detokenizer(tokenizer)
    assert stream.feed(found[:-1]) + stream.flush() == "so "


def test_control_tokens_are_no_text(tokenizer: Tokenizer) -> None:
    stream = Detokenizer(tokenizer)
    assert stream.feed(ids(tokenizer, "a<|im_end|>b")) == "ab"


@pytest.mark.parametrize(
    ("text", "stop", "seen"),
    [
        ("one END two", ["END"], "one "),
        ("one EN two", ["END"], "one EN two"),
        ("one EN", ["END"], "one EN"),
        ("aab", ["ab"], "a"),
        ("x STOP y END", ["END", "STOP"], "x "),
        ("世界和平", ["和"], "世界"),
        ("END", ["END"], ""),
    ],
)
def test_a_stop_text_ends_the_answer_before_it(
    tokenizer: Tokenizer, text: str, stop: list[str], seen: str
) -> None:
    stream = Detokenizer(tokenizer, stop)
    pieces = [stream.feed([id]) for id in ids(tokenizer, text)]
    assert "".join(pieces) + stream.flush() == seen
    assert stream.stopped == (seen != text)
    assert not any(piece.endswith("E") for piece in pieces)


def test_nothing_comes_after_a_stop_text(tokenizer: Tokenizer) -> None:
    stream = Detokenizer(tokenizer, ["b"])
    assert stream.feed(ids(tokenizer, "a b c")) == "a "
    assert stream.feed(ids(tokenizer, "more")) + stream.flush() == ""
