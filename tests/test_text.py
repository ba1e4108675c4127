"""Text as terminals and pages may show it, and as lists and fields hold it."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.export.html import to_html
from qwen_chat.history import History
from qwen_chat.message import Message
from qwen_chat.text import (
    blank_unprintable,
    escape_controls,
    format_size,
    has_controls_or_breaks,
    join_texts,
    plural,
    split_texts,
    strip_controls,
    unify_line_breaks,
)

ATTACK = "a\x1b[31mb\x07\x9b2Jc\r\nd\te\x7f\0"
CLEAN = "a[31mb2Jc\nd\te"


def test_controls_go_and_line_feeds_and_tabs_stay() -> None:
    assert strip_controls(ATTACK) == CLEAN


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    left = strip_controls(text)
    assert all(each in "\n\t" or unicodedata.category(each) != "Cc" for each in left)
    assert left == "".join(each for each in text if each in "\n\t" or unicodedata.category(each) != "Cc")


@given(st.lists(st.text(st.sampled_from("a\r\n\t\x1b\x9b"))))
def test_a_stream_may_be_filtered_piece_by_piece(pieces: list[str]) -> None:
    assert "".join(map(strip_controls, pieces)) == strip_controls("".join(pieces))


def test_a_page_holds_what_a_terminal_shows() -> None:
    history = History()
    history.add(Message("user", ATTACK))
    page = to_html(history)
    assert CLEAN.partition("\n")[0] in page
    assert not {each for each in page if unicodedata.category(each) == "Cc"} - {"\n", "\t"}


@given(st.text())
def test_escaped_json_says_the_same(text: str) -> None:
    escaped = escape_controls(json.dumps(text, ensure_ascii=False))
    assert json.loads(escaped) == text
    assert not any(unicodedata.category(each) == "Cc" for each in escaped)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\u2029b", "a\x1bb", "a\tb"])
def test_lines_that_would_spoil_a_list(text: str) -> None:
    assert has_controls_or_breaks(text)
    assert blank_unprintable(text) == "a b"


def test_a_plain_line() -> None:
    assert not has_controls_or_breaks("Mara 海 🎲")


def test_line_breaks_of_every_system() -> None:
    assert unify_line_breaks("a\r\nb\rc\nd") == "a\nb\nc\nd"


@given(st.lists(st.text(st.sampled_from("a\\nr\r\n"), min_size=1)))
def test_texts_in_one_field(texts: list[str]) -> None:
    assert split_texts(join_texts(texts)) == tuple(texts)


def test_plurals_and_sizes() -> None:
    assert [plural(count, "turn") for count in (0, 1, 1234)] == ["0 turns", "1 turn", "1,234 turns"]
    assert [format_size(size) for size in (0, 986_000_000, 1_234_000_000)] == ["0 MB", "986 MB", "1.2 GB"]
