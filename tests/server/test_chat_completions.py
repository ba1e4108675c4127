"""Answers to conversations in OpenAI's form, whole and streamed, as OpenAI's own client reads them."""

import json
from typing import Any

import pytest
from apis import Api, Echo, serving
from scripted import ScriptedModel

from qwen_chat.errors import ModelError
from qwen_chat.message import Message
from qwen_chat.model.tool_calls import split_tool_calls

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "looks up a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
CALL = '<tool_call>\n{"name": "look", "arguments": {"city": "Oslo", "days": "2"}}\n</tool_call>'
ASKED: list[Any] = [{"role": "user", "content": "Name a city."}]


class WithTools(ScriptedModel):
    """A scripted model whose template knows tools, and whose calls are read as an engine reads them."""

    capabilities = Echo.capabilities

    def stream(self, messages: Any, params: Any, options: Any = None, *, cancel: Any = None) -> Any:
        return split_tool_calls(super().stream(messages, params, cancel=cancel), options.tools)


def events(text: str) -> list[dict[str, Any]]:
    """Return the data of a stream, which ends as it must."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_an_answer_has_openais_form(small: Api) -> None:
    from openai.types.chat import ChatCompletion

    found = small.chat("Say hello.", max_tokens=8, temperature=0)
    assert found.status_code == 200
    answer = ChatCompletion.model_validate(found.json(), strict=True)
    assert answer.model == "smol"
    (choice,) = answer.choices
    assert choice.message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_is_the_same_answer(small: Api) -> None:
    from openai.types.chat import ChatCompletionChunk

    fields: dict[str, Any] = {"max_tokens": 12, "temperature": 0, "seed": 1}
    whole = small.chat("Name a city.", **fields).json()["choices"][0]
    streamed = small.chat("Name a city.", stream=True, stream_options={"include_usage": True}, **fields)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    chunks = [ChatCompletionChunk.model_validate(each, strict=True) for each in events(streamed.text)]
    assert len({chunk.id for chunk in chunks}) == 1
    *pieces, last = chunks
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens <= 12
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == whole["message"]["content"]
    reasons = [piece.choices[0].finish_reason for piece in pieces]
    assert reasons[-1] == whole["finish_reason"]
    assert not any(reasons[:-1])


def test_openais_client_reads_both(small: Api) -> None:
    client = small.openai()
    answer = client.chat.completions.create(model="smol", messages=ASKED, max_tokens=5)
    assert answer.choices[0].message.content
    chunks = client.chat.completions.create(
        model="smol", messages=ASKED, max_completion_tokens=5, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert [model.id for model in client.models.list()] == ["smol"]
    assert client.models.retrieve("smol").id == "smol"


def test_without_usage_no_chunk_is_without_choices(echo: Api) -> None:
    chunks = events(echo.chat("a b", stream=True).text)
    assert all(len(chunk["choices"]) == 1 for chunk in chunks)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_an_answer_ends_at_its_limit_and_before_a_stop(small: Api) -> None:
    cut = small.chat("Count from 1 to 50.", max_tokens=3).json()
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3
    full = small.chat("Name a city.", temperature=0, max_tokens=30).json()["choices"][0]["message"]["content"]
    word = full.split()[2]
    stopped = small.chat("Name a city.", temperature=0, max_tokens=30, stop=[word, "zebra"]).json()[
        "choices"
    ][0]
    assert stopped["finish_reason"] == "stop"
    assert stopped["message"]["content"] == full[: full.index(word)]


def test_a_seed_gives_the_same_answers(small: Api) -> None:
    fields: dict[str, Any] = {"n": 3, "seed": 7, "temperature": 1.5, "max_tokens": 12}
    first, second = (
        [
            choice["message"]["content"]
            for choice in small.chat("Tell me something.", **fields).json()["choices"]
        ]
        for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 3


def test_several_answers_stream_together(small: Api) -> None:
    chunks = events(small.chat("Say hello.", n=2, max_tokens=6, stream=True, seed=1).text)
    for index in range(2):
        mine = [each["choices"][0] for each in chunks if each["choices"][0]["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant"
        assert mine[-1]["finish_reason"] is not None


def test_the_prefix_cache_shows_in_the_usage(small: Api) -> None:
    history = "A long history of a city. " * 20, "I see.", "Go on."
    small.chat(*history[:1], max_tokens=1)
    usage = small.chat(*history, max_tokens=1).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 50


def test_log_probabilities(small: Api) -> None:
    fields: dict[str, Any] = {"logprobs": True, "top_logprobs": 2, "temperature": 0, "max_tokens": 6}
    choice = small.chat("Name a city.", **fields).json()["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert bytes(byte for token in tokens for byte in token["bytes"]).decode() == choice["message"]["content"]
    assert all(len(token["top_logprobs"]) == 2 for token in tokens)
    chunks = events(small.chat("Name a city.", stream=True, **fields).text)
    streamed = [
        token for chunk in chunks for token in (chunk["choices"][0].get("logprobs") or {}).get("content", ())
    ]
    assert [token["token"] for token in streamed] == [token["token"] for token in tokens]


def test_an_answer_in_json(small: Api) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    answer = small.chat("Name a city.", response_format=form, max_tokens=60).json()["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert [*json.loads(answer["message"]["content"])] == ["city"]


@pytest.mark.parametrize("stream", [False, True])
def test_calls_are_read_off_the_answer(stream: bool) -> None:
    with serving({"scripted": WithTools(CALL)}) as api:
        found = api.chat("?", tools=[TOOL], stream=stream)
    if stream:
        pieces = [chunk["choices"][0] for chunk in events(found.text)]
        (call,) = [each for piece in pieces for each in piece["delta"].get("tool_calls", ())]
        assert call["index"] == 0
        assert pieces[-1]["finish_reason"] == "tool_calls"
    else:
        (choice,) = found.json()["choices"]
        assert choice["message"]["content"] is None
        assert choice["finish_reason"] == "tool_calls"
        (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["function"]["name"] == "look"
    assert json.loads(call["function"]["arguments"]) == {"city": "Oslo", "days": 2}


@pytest.mark.parametrize("stream", [False, True])
def test_one_call_is_enough_where_calls_may_not_be_parallel(stream: bool) -> None:
    with serving({"scripted": WithTools(CALL, "\n", CALL, "and text")}) as api:
        found = api.chat("?", tools=[TOOL], parallel_tool_calls=False, stream=stream)
        if stream:
            pieces = [chunk["choices"][0] for chunk in events(found.text)]
            calls = [each for piece in pieces for each in piece["delta"].get("tool_calls", ())]
            assert not any(piece["delta"].get("content") for piece in pieces)
            assert pieces[-1]["finish_reason"] == "tool_calls"
        else:
            calls = found.json()["choices"][0]["message"]["tool_calls"]
        assert len(calls) == 1


def test_functions_of_the_older_form() -> None:
    with serving({"scripted": WithTools(CALL)}) as api:
        choice = api.chat("?", functions=[TOOL["function"]]).json()["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"]["name"] == "look"
    assert "tool_calls" not in choice["message"]


def test_without_tools_a_call_is_text() -> None:
    with serving({"scripted": WithTools(CALL)}) as api:
        for fields in ({}, {"tools": [TOOL], "tool_choice": "none"}):
            choice = api.chat("?", **fields).json()["choices"][0]
            assert choice["message"]["content"] == CALL
            assert choice["finish_reason"] == "stop"


def test_messages_reach_the_model() -> None:
    model = Echo()
    told = [
        {"role": "system", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"role": "developer", "content": "d"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"city": "x"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "name": "look", "content": "e", "extra": {"any": 1}},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "f"},
    ]
    with serving({"echo": model}) as api:
        assert (
            api.post("/v1/chat/completions", {"messages": told}).json()["choices"][0]["message"]["content"]
            == "f"
        )
    (prompt,) = model.prompts
    assert prompt[:2] == [Message("system", "a\n\nd"), Message("user", "bc")]
    assert prompt[2].tool_calls[0].arguments == '{"city": "x"}'
    assert prompt[2].reasoning == "hm"
    assert prompt[3] == Message("tool", "e", tool_call_id="1", name="look")
    assert prompt[4:] == [Message("user", "f")]


def test_a_failure_in_mid_answer_is_told() -> None:
    with serving({"m": ScriptedModel("some", ModelError("it broke"))}) as api:
        chunks = events(api.chat("?", stream=True).text)
        assert chunks[-1]["error"]["message"] == "it broke"
        whole = api.chat("?")
    assert whole.status_code == 500
    assert whole.json()["error"]["message"] == "it broke"
