"""Calls of tools in answers, whole and in any pieces; what is no call stays text."""

import json
from collections.abc import Generator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.message import Delta, FinishReason, Tool
from qwen_chat.model.tool_calls import ToolCallParser, split_tool_calls

TOOL = Tool(
    "write",
    "writes",
    {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "lines": {"type": "integer"},
            "share": {"type": ["number", "null"]},
            "force": {"type": "boolean"},
            "items": {"type": "array"},
            "more": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        },
    },
)
OTHER = Tool("look", "looks", {"type": "object", "properties": {}})

Read = tuple[str, list[tuple[str, object]]]
"""The text of an answer, and the names and arguments of its calls."""


def read(answer: str, *cuts: int) -> Read:
    parser = ToolCallParser([TOOL, OTHER])
    bounds = [0, *sorted(cuts), len(answer)]
    pieces = [answer[begin:end] for begin, end in pairwise(bounds)]
    deltas = [delta for piece in pieces for delta in parser.feed(piece)] + [*parser.flush()]
    calls = [piece for delta in deltas for piece in delta.tool_calls]
    assert [call.index for call in calls] == [*range(parser.calls)]
    assert len({call.id for call in calls}) == len(calls)
    return "".join(delta.text for delta in deltas), [
        (call.name, json.loads(call.arguments)) for call in calls
    ]


def as_json(arguments: str, name: str = "write") -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def in_tags(*parameters: tuple[str, str], name: str = "write") -> str:
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters)
    return f"<tool_call>\n<function={name}>\n{inner}</function>\n</tool_call>"


CALLS: dict[str, tuple[str, Read]] = {
    "json": (as_json('{"path": "a"}'), ("", [("write", {"path": "a"})])),
    "text before": (f"I look.\n\n{as_json('{}', 'look')}", ("I look.", [("look", {})])),
    "no arguments": ('<tool_call>{"name": "look"}</tool_call>', ("", [("look", {})])),
    "arguments as text": (as_json('"{\\"path\\": \\"a\\"}"'), ("", [("write", {"path": "a"})])),
    "one line": ('<tool_call>{"name": "look", "arguments": {}}</tool_call>', ("", [("look", {})])),
    "two": (
        as_json("{}", "look") + "\n" + as_json('{"lines": 2}') + "\n",
        ("", [("look", {}), ("write", {"lines": 2})]),
    ),
    "text between": (
        f"{as_json('{}', 'look')}\n\nand\n{as_json('{}', 'look')}",
        ("and", [("look", {}), ("look", {})]),
    ),
    "closing tag in a text": (
        as_json('{"path": "x</tool_call>\\"}]{</parameter>"}'),
        ("", [("write", {"path": 'x</tool_call>"}]{</parameter>'})]),
    ),
    "a number in quotes": (as_json('{"lines": "42"}'), ("", [("write", {"lines": 42})])),
    "python's words": (
        as_json('{"force": True, "share": None, "path": "True None"}'),
        ("", [("write", {"force": True, "share": None, "path": "True None"})]),
    ),
    "no closing tag": ('<tool_call>\n{"name": "look", "arguments": {}}', ("", [("look", {})])),
    "without tags": ('{"name": "look", "arguments": {"a": [1]}}', ("", [("look", {"a": [1]})])),
    "two without tags": (
        '{"name": "look", "arguments": {}}\n{"name": "write", "arguments": {"lines": 1}}',
        ("", [("look", {}), ("write", {"lines": 1})]),
    ),
    "in a fence": ('```json\n{"name": "look", "arguments": {}}\n```', ("", [("look", {})])),
    "in other tags": ('<tools>\n{"name": "look", "arguments": {}}\n</tools>', ("", [("look", {})])),
    "a cut closing tag": ('<tool_call>\n{"name": "look", "arguments": {}}\n</tool_', ("", [("look", {})])),
    "tags": (
        in_tags(("path", "  a\n\n b"), ("lines", "3"), ("force", "True")),
        ("", [("write", {"path": "  a\n\n b", "lines": 3, "force": True})]),
    ),
    "tags on one line": (
        "<tool_call><function=write><parameter=path>a</parameter></function></tool_call>",
        ("", [("write", {"path": "a"})]),
    ),
    "tags in a value": (
        in_tags(("path", "</parameter> <parameter> </tool_call>"), ("lines", "1")),
        ("", [("write", {"path": "</parameter> <parameter> </tool_call>", "lines": 1})]),
    ),
    "lists in tags": (
        in_tags(("items", '[{"a": False, "b": null}]'), ("more", '{"x": [1]}'), ("share", "0.5")),
        ("", [("write", {"items": [{"a": False, "b": None}], "more": {"x": [1]}, "share": 0.5})]),
    ),
    "null in tags": (
        in_tags(("share", "None"), ("more", "null")),
        ("", [("write", {"share": None, "more": None})]),
    ),
    "what fits no type": (in_tags(("lines", "many")), ("", [("write", {"lines": "many"})])),
    "no parameters": (in_tags(name="look"), ("", [("look", {})])),
    "a value of line ends": (in_tags(("path", "\n")), ("", [("write", {"path": "\n"})])),
}

PROSE = (
    "The tag <tool_call> begins a call.",
    "It is written `<tool_call>` and `</tool_call>`.",
    "<tool_call>\n{not JSON}\n</tool_call>",
    as_json("{}", "unknown"),
    in_tags(name="unknown"),
    '<tool_call>\n{"name": "write", "arguments": {"path": "cut',
    "<tool_call>\n<function=write>\n<parameter=path>\ncut",
    '<tool_call>\n{"name": "write", "arguments": [1]}\n</tool_call>',
    "<tool_call>\n<function=write>\nno parameter\n</function>\n</tool_call>",
    "a <tool_c",
    "<",
    "  \n ",
    "x < y \n\n",
    "{}",
    '{"name": "unknown", "arguments": {}}',
    '{"name": "look", "age": 3}',
    '{"name": "look", "arguments": {"cut',
    '```json\n{"city": "Paris"}\n```',
    "```python\nprint(1)\n```",
    '{"' + "a" * 300 + '": 1}',
    'It is {"name": "look", "arguments": {}}.',
)


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_read(name: str) -> None:
    answer, expected = CALLS[name]
    assert read(answer) == expected
    assert read(answer, *range(1, len(answer))) == expected


@pytest.mark.parametrize("answer", PROSE)
def test_what_is_no_call_stays_text(answer: str) -> None:
    assert read(answer) == (answer, [])
    assert read(answer, *range(1, len(answer))) == (answer, [])


@given(st.sampled_from([*PROSE, *(answer for answer, _ in CALLS.values())]), st.data())
def test_pieces_do_not_matter(answer: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=5))
    assert read(answer, *cuts) == read(answer)


def test_prose_goes_on_as_it_comes() -> None:
    parser = ToolCallParser([TOOL])
    assert [delta.text for delta in parser.feed("a b ")] == ["a b"]
    assert [delta.text for delta in parser.feed("<tool")] == []
    assert [delta.text for delta in parser.feed("box>")] == [" <toolbox>"]


@pytest.mark.parametrize(
    ("answer", "given", "expected"),
    [
        (as_json("{}"), "stop", "tool_calls"),
        ("text", "stop", "stop"),
        (as_json("{}"), "length", "length"),
        (as_json("{}"), "interrupted", "interrupted"),
    ],
)
def test_the_end_tells_that_tools_are_called(
    answer: str, given: FinishReason, expected: FinishReason
) -> None:
    def stream() -> Generator[Delta, None, None]:
        yield Delta(reasoning="hm")
        yield Delta(answer)
        yield Delta(finish_reason=given)

    assert [delta.finish_reason for delta in split_tool_calls(stream(), [TOOL])][-1] == expected
