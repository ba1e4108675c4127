"""Answers as OpenAI's responses, as its own client reads them."""

import json
from typing import Any

import pytest
from apis import Api, Echo, serving
from scripted import ScriptedModel
from test_chat_completions import CALL, TOOL, WithTools

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, Message

LOOK: dict[str, Any] = {"type": "function", **TOOL["function"]}


def respond(api: Api, **fields: Any) -> Any:
    found = api.post("/v1/responses", {"input": "Name a city.", **fields})
    assert found.status_code == 200, found.text
    return found.json()


def streamed(api: Api, **fields: Any) -> list[dict[str, Any]]:
    """Return the events of a stream; each is named twice, and they are numbered."""
    text = api.post("/v1/responses", {"input": "Name a city.", "stream": True, **fields}).text
    events = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    return events


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_ids(each)
            for key, each in value.items()
            if key not in ("id", "call_id", "created_at")
        }
    return [without_ids(each) for each in value] if isinstance(value, list) else value


def test_an_answer_and_its_stream_are_the_same(small: Api) -> None:
    from openai.types.responses import Response

    fields: dict[str, Any] = {"temperature": 0, "max_output_tokens": 8, "model": "smol"}
    whole = respond(small, **fields)
    Response.model_validate(whole, strict=True)
    assert whole["status"] == "incomplete"
    assert whole["incomplete_details"] == {"reason": "max_output_tokens"}
    assert whole["usage"]["output_tokens"] == 8
    *_, last = streamed(small, **fields)
    assert last["type"] == "response.incomplete"
    assert without_ids(last["response"]["output"]) == without_ids(whole["output"])


def test_the_sequence_is_whole(echo: Api) -> None:
    events = streamed(echo, input="a b")
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len({event["item_id"] for event in events if "item_id" in event}) == 1


def test_openais_client_reads_both(small: Api) -> None:
    client = small.openai()
    asked: dict[str, Any] = {
        "model": "smol",
        "input": "Name a city.",
        "max_output_tokens": 6,
        "temperature": 0,
    }
    whole = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        *_, last = stream
    assert last.type == "response.incomplete"
    assert last.response.output_text == whole.output_text


class _Thinker(ScriptedModel):
    capabilities = Echo.capabilities

    def stream(self, *_: Any, **__: Any) -> Any:
        yield Delta(reasoning="hm, ")
        yield Delta(reasoning="yes")
        yield from self.script_deltas()

    def script_deltas(self) -> Any:
        yield Delta("So.")
        yield Delta(finish_reason="stop")


def test_reasoning_is_an_item_of_its_own() -> None:
    from openai.types.responses import Response

    with serving({"m": _Thinker()}) as api:
        whole = respond(api, reasoning={"effort": "low", "summary": "auto"})
        events = streamed(api)
        api.openai().responses.create(model="m", input="x")
    Response.model_validate(whole, strict=True)
    thought, text = whole["output"]
    assert thought["content"] == [{"type": "reasoning_text", "text": "hm, yes"}]
    assert text["content"][0]["text"] == "So."
    assert without_ids(events[-1]["response"]["output"]) == without_ids(whole["output"])
    assert (
        "".join(event["delta"] for event in events if event["type"] == "response.reasoning_text.delta")
        == "hm, yes"
    )


def test_calls_are_items() -> None:
    from openai.types.responses import Response

    with serving({"m": WithTools("I look.\n", CALL)}) as api:
        whole = respond(api, tools=[LOOK])
        events = streamed(api, tools=[LOOK])
    Response.model_validate(whole, strict=True)
    text, call = whole["output"]
    assert text["content"][0]["text"] == "I look."
    assert (call["type"], call["name"]) == ("function_call", "look")
    assert json.loads(call["arguments"]) == {"city": "Oslo", "days": 2}
    assert without_ids(events[-1]["response"]["output"]) == without_ids(whole["output"])
    (done,) = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert done["arguments"] == call["arguments"]


def test_tools_of_other_kinds_are_left_out_and_named() -> None:
    tools = [LOOK, {"type": "web_search"}, {"type": "local_shell"}, {"type": "custom", "name": "patch"}]
    with serving({"m": WithTools(CALL)}) as api:
        found = api.post(
            "/v1/responses", {"input": "x", "tools": tools, "client_metadata": {}, "mirostat": 1}
        )
    assert found.status_code == 200
    assert found.headers["x-ignored-tools"] == "web_search, local_shell, custom"
    assert found.headers["x-ignored-fields"] == "mirostat"


def test_items_reach_the_model() -> None:
    model = Echo()
    items: list[Any] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        },
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "c"}]},
        {"type": "function_call", "call_id": "1", "name": "look", "arguments": '{"city": "x"}'},
        {"type": "function_call", "call_id": "2", "name": "look", "arguments": "{}"},
        {"type": "web_search_call", "id": "ws", "status": "completed"},
        {"type": "function_call_output", "call_id": "1", "output": "e"},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "f"}]},
        {"role": "user", "content": "g"},
    ]
    with serving({"m": model}) as api:
        whole = respond(
            api, input=items, instructions="i", store=False, include=["reasoning.encrypted_content"]
        )
    assert whole["instructions"] == "i"
    (prompt,) = model.prompts
    assert prompt[:2] == [Message("system", "i\n\nd"), Message("user", "ab")]
    answer = prompt[2]
    assert (answer.reasoning, answer.content, len(answer.tool_calls)) == ("hm", "c", 2)
    results = [Message("tool", "e", tool_call_id="1"), Message("tool", "f", tool_call_id="2")]
    assert prompt[3:] == [*results, Message("user", "g")]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": "x"}, {"type": "function_call", "arguments": "{"}]},
            "input[1].arguments",
        ),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "c"}, "conversation"),
        ({"temperature": 9}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        ({"stream": 1}, "stream"),
    ],
)
def test_a_wrong_value_is_refused(echo: Api, fields: dict[str, Any], param: str) -> None:
    found = echo.post("/v1/responses", {"input": "x", **fields})
    assert (found.status_code, found.json()["error"]["param"]) == (400, param)


def test_a_failure_in_mid_answer_is_told() -> None:
    with serving({"m": ScriptedModel("some", ModelError("it broke"))}) as api:
        *_, last = streamed(api)
        assert last["type"] == "response.failed"
        assert last["response"]["error"]["message"] == "it broke"
        assert last["response"]["output"][0]["content"][0]["text"] == "some"


def test_an_answer_in_json(small: Api) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [1, 2]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "name": "x", "schema": schema, "strict": True}
    whole = respond(small, text={"format": form, "verbosity": "low"}, max_output_tokens=60)
    assert json.loads(whole["output"][0]["content"][0]["text"])["n"] in (1, 2)
