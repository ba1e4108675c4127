"""Texts that are not JSON: each fault says where it is."""

import pytest

from qwen_chat.files.json import JsonSyntaxError, parse_json


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{\n "a": }', "not JSON: expecting value (line 2, column 7)"),
        ("", "not JSON: expecting value (line 1, column 1)"),
        (b'"caf\xe9"', "not UTF-8 text (byte 4)"),
        ("[" * 100_000, "not JSON: it is nested too deeply to be read"),
        ("1" * 5000, "not JSON: a number in it is too long"),
    ],
)
def test_faults(data: str | bytes, fault: str) -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        parse_json(data)
    assert str(caught.value) == fault
    assert not caught.value.trailing


def test_more_than_one_value_is_told_apart() -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        parse_json("{}\n{}")
    assert caught.value.trailing


def test_what_other_programs_write_is_read() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": "\\ud83d"}') == {"a": "\ud83d"}
