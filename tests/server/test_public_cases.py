"""Cases from public reports about servers of this kind, each with what a client expects."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from apis import Api, serving
from babbler import write_babbler
from test_chat_completions import CALL, TOOL, WithTools, events

from qwen_chat.message import Delta
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions

STRICT_TEMPLATE = """{%- if tools %}{{ raise_exception('no tools here') if false else '' }}{% endif -%}
{%- set told = namespace(user=false) -%}
{%- for message in messages -%}
{%- if message.role == 'system' and not loop.first -%}{{ raise_exception('system comes first') }}{%- endif -%}
{%- if message.role == 'user' -%}{%- set told.user = true -%}{%- endif -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor -%}
{%- if not told.user -%}{{ raise_exception('nobody asked') }}{%- endif -%}
{{ '<|im_start|>assistant\n' }}"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API over a model whose template takes one system message, at the begin, and needs a question."""
    path = write_babbler(tmp_path_factory.mktemp("strict") / "strict.gguf", template=STRICT_TEMPLATE)
    model = LlamaCppModel(path, "strict", LlamaCppOptions(threads=1, parallel=1))
    with serving({"strict": model}) as api:
        yield api
    model.close()


def ask(api: Api, *messages: tuple[str, str], **fields: Any) -> Any:
    told = [{"role": role, "content": content} for role, content in messages]
    return api.post("/v1/chat/completions", {"messages": told, "max_tokens": 3, **fields})


@pytest.mark.parametrize("places", ["ssu", "us", "usau", "dsu", "usdu"])
def test_system_messages_anywhere_are_merged(strict: Api, places: str) -> None:
    roles = {"s": "system", "u": "user", "a": "assistant", "d": "developer"}
    found = ask(strict, *[(roles[place], "text") for place in places])
    assert found.status_code == 200, found.text


def test_no_question_is_refused(strict: Api) -> None:
    assert ask(strict, ("system", "text")).status_code == 400
    assert ask(strict, ("system", "text"), ("assistant", "text")).status_code == 400


@pytest.mark.parametrize("arguments", ["{", "", "[1]", '"text"', "null"])
def test_broken_arguments_in_the_history_name_their_message(echo: Api, arguments: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    found = echo.post("/v1/chat/completions", {"messages": [*messages, {"role": "user", "content": "y"}]})
    assert found.status_code == (200 if arguments == "" else 400)
    if arguments:
        assert found.json()["error"]["param"] == "messages[1].tool_calls[0].function.arguments"


def answer_with(text: str, **fields: Any) -> Any:
    """Return the choice of an answer that a model writes letter by letter, whole and streamed."""
    with serving({"m": WithTools(*text)}) as api:
        whole = api.chat("?", **fields).json()["choices"][0]
        chunks = [chunk["choices"][0] for chunk in events(api.chat("?", stream=True, **fields).text)]
    content = "".join(chunk["delta"].get("content") or "" for chunk in chunks)
    calls = [call for chunk in chunks for call in chunk["delta"].get("tool_calls", ())]
    assert content == (whole["message"]["content"] or "")
    assert [call["function"] for call in calls] == [
        call["function"] for call in whole["message"].get("tool_calls", ())
    ]
    assert [call["index"] for call in calls] == [*range(len(calls))]
    assert chunks[-1]["finish_reason"] == whole["finish_reason"]
    return whole


def arguments_of(choice: Any) -> list[Any]:
    return [json.loads(call["function"]["arguments"]) for call in choice["message"]["tool_calls"]]


def test_tags_within_arguments_are_text() -> None:
    city = 'a</tool_call>b</parameter>c"}'
    call = json.dumps({"name": "look", "arguments": {"city": city}})
    assert arguments_of(answer_with(f"<tool_call>\n{call}\n</tool_call>", tools=[TOOL])) == [{"city": city}]
    tagged = (
        f"<tool_call>\n<function=look>\n<parameter=city>\n{city}\n</parameter>\n</function>\n</tool_call>"
    )
    assert arguments_of(answer_with(tagged, tools=[TOOL])) == [{"city": city}]


@pytest.mark.parametrize("fields", [{}, {"tools": [TOOL]}])
def test_prose_about_the_tag_is_whole(fields: Any) -> None:
    prose = "A `<tool_call>` begins a call, and </tool_call> ends it.\n\n<tool_call> is a tag."
    choice = answer_with(prose, **fields)
    assert choice["message"]["content"] == prose
    assert choice["finish_reason"] == "stop"


def test_a_number_in_quotes_becomes_a_number() -> None:
    call = '<tool_call>\n{"name": "look", "arguments": {"city": "Oslo", "days": "42"}}\n</tool_call>'
    assert arguments_of(answer_with(call, tools=[TOOL])) == [{"city": "Oslo", "days": 42}]


def test_two_calls_have_two_numbers() -> None:
    choice = answer_with(f"{CALL}\n{CALL}", tools=[TOOL])
    assert len(choice["message"]["tool_calls"]) == 2
    assert len({call["id"] for call in choice["message"]["tool_calls"]}) == 2
    assert choice["finish_reason"] == "tool_calls"


def test_pythons_words_and_nested_values_are_native() -> None:
    schema = {"type": "object", "properties": {"on": {"type": "boolean"}, "rows": {"type": "array"}}}
    tool = {"type": "function", "function": {"name": "set", "parameters": schema}}
    tagged = (
        "<tool_call>\n<function=set>\n<parameter=on>\nTrue\n</parameter>\n"
        '<parameter=rows>\n[{"a": false, "b": null}]\n</parameter>\n</function>\n</tool_call>'
    )
    choice = answer_with(tagged, tools=[tool])
    assert arguments_of(choice) == [{"on": True, "rows": [{"a": False, "b": None}]}]


class _Cut(WithTools):
    def stream(self, *arguments: Any, **options: Any) -> Any:
        for delta in super().stream(*arguments, **options):
            yield Delta(finish_reason="length") if delta.finish_reason else delta


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_cut_is_text_with_length(stream: bool) -> None:
    cut = CALL[:40]
    with serving({"m": _Cut(*cut)}) as api:
        found = api.chat("?", tools=[TOOL], stream=stream)
    if stream:
        chunks = [chunk["choices"][0] for chunk in events(found.text)]
        assert "".join(chunk["delta"].get("content") or "" for chunk in chunks) == cut
        assert chunks[-1]["finish_reason"] == "length"
    else:
        choice = found.json()["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == (cut, "length")
        assert "tool_calls" not in choice["message"]


def test_a_required_call_comes_to_small_talk(strict: Api) -> None:
    tool = {"type": "function", "function": {**TOOL["function"], "parameters": SHORT}}
    for choice in ("required", {"type": "function", "function": {"name": "look"}}):
        found = strict.chat("Hi, how are you?", tools=[tool], tool_choice=choice, max_tokens=300)
        assert found.status_code == 200, found.text
        answer = found.json()["choices"][0]
        assert answer["finish_reason"] == "tool_calls"
        assert arguments_of(answer)[0]["city"] in ("Oslo", "Rome")


SHORT = {
    "type": "object",
    "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_a_pattern_that_cannot_be_enforced_is_refused(strict: Api) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "a(?=b)"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    found = strict.chat("x", response_format=form)
    assert found.status_code == 400
    assert found.json()["error"]["param"] == "response_format"


def test_a_stream_of_nothing_is_refused(echo: Api) -> None:
    found = echo.chat("x", stream=True, n=0)
    assert (found.status_code, found.json()["error"]["param"]) == (400, "n")
