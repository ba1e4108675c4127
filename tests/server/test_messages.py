"""Answers to conversations in Anthropic's form, as its own client reads them."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from apis import LONGEST, Api, Echo, serving
from scripted import ScriptedModel
from test_chat_completions import CALL, TOOL, WithTools

from qwen_chat.errors import ModelError
from qwen_chat.message import Delta, Message
from qwen_chat.server.access import Access

if TYPE_CHECKING:
    import anthropic

ASKED: list[Any] = [{"role": "user", "content": "Name a city."}]
EXACT: dict[str, Any] = {"extra_body": {"temperature": 0}}
FUNCTION: dict[str, Any] = TOOL["function"]
LOOK: dict[str, Any] = {
    "name": "look",
    "description": FUNCTION["description"],
    "input_schema": FUNCTION["parameters"],
}


def client(api: Api, key: str = "none") -> "anthropic.Anthropic":
    import anthropic

    return anthropic.Anthropic(base_url=api.url, api_key=key, max_retries=0, timeout=LONGEST)


def blocks(answer: "anthropic.types.Message") -> list[Any]:
    return [*answer.content]


def test_an_answer_and_its_stream_are_the_same(small: Api) -> None:
    asked: dict[str, Any] = {"model": "smol", "messages": ASKED, "max_tokens": 12, **EXACT}
    whole = client(small).messages.create(**asked)
    (block,) = whole.content
    assert block.type == "text"
    assert whole.stop_reason == "max_tokens"
    assert whole.usage.output_tokens == 12
    with client(small).messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert blocks(final)[0].text == block.text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == 12


def test_a_stop_sequence_is_named(small: Api) -> None:
    asked: dict[str, Any] = {"model": "smol", "messages": ASKED, "max_tokens": 30, **EXACT}
    text = blocks(client(small).messages.create(**asked))[0].text
    word = text.split()[2]
    stopped = client(small).messages.create(**asked, stop_sequences=[word])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", word)
    assert blocks(stopped)[0].text == text[: text.index(word)]


def test_tokens_are_counted_as_they_are_read(small: Api) -> None:
    asked: dict[str, Any] = {"model": "smol", "messages": ASKED, "system": "Be short."}
    counted = client(small).messages.count_tokens(**asked).input_tokens
    usage = client(small).messages.create(max_tokens=1, **asked).usage
    assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_calls_are_blocks() -> None:
    with serving({"m": WithTools("I look.\n", CALL)}) as api:
        asked: dict[str, Any] = {"model": "m", "messages": ASKED, "max_tokens": 50, "tools": [LOOK]}
        whole = client(api).messages.create(**asked)
        with client(api).messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
    for answer in (whole, streamed):
        text, call = blocks(answer)
        assert (text.type, text.text) == ("text", "I look.")
        assert call.type == "tool_use"
        assert (call.name, call.input) == ("look", {"city": "Oslo", "days": 2})
        assert answer.stop_reason == "tool_use"


class _Thinker(ScriptedModel):
    capabilities = Echo.capabilities

    def stream(self, *_: Any, **__: Any) -> Any:
        yield Delta(reasoning="hm, ")
        yield Delta(reasoning="yes")
        yield Delta("So.")
        yield Delta(finish_reason="stop")


def test_reasoning_is_a_block_of_its_own() -> None:
    with serving({"m": _Thinker()}) as api:
        asked: dict[str, Any] = {"model": "m", "messages": ASKED, "max_tokens": 50}
        asked["thinking"] = {"type": "enabled", "budget_tokens": 2000}
        whole = client(api).messages.create(**asked)
        with client(api).messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
    for answer in (whole, streamed):
        thought, text = blocks(answer)
        assert (thought.type, thought.thinking) == ("thinking", "hm, yes")
        assert (text.type, text.text) == ("text", "So.")
        assert answer.stop_reason == "end_turn"


def test_messages_reach_the_model() -> None:
    model = Echo()
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "b"},
                {"type": "tool_use", "id": "1", "name": "look", "input": {"city": "é"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "c"},
                {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "d"}]},
            ],
        },
    ]
    system: list[Any] = [{"type": "text", "text": "s"}, {"type": "text", "text": "t"}]
    with serving({"m": model}) as api:
        client(api).messages.create(model="m", messages=messages, system=system, max_tokens=5)
    (prompt,) = model.prompts
    assert prompt[:2] == [Message("system", "s\n\nt"), Message("user", "a")]
    assert (prompt[2].content, prompt[2].reasoning) == ("b", "hm")
    assert json.loads(prompt[2].tool_calls[0].arguments) == {"city": "é"}
    assert prompt[3:] == [Message("tool", "d", tool_call_id="1"), Message("user", "c")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens=0: must be from 1"),
        ({"temperature": 9}, "temperature=9: must be from 0 to 5"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "no message of the role user"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "messages[0].content[0]: the model",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0]: tools of the type"),
        (
            {"tools": [LOOK], "tool_choice": {"type": "tool", "name": "x"}},
            "there is no tool 'x'",
        ),
        ({"tools": [LOOK, LOOK]}, "tools: 'look' is there twice"),
        ({"stop_sequences": [""]}, "stop"),
        ({"thinking": {"type": "often"}}, "thinking"),
        ({"model": "other"}, "'other' is not served here"),
    ],
)
def test_a_wrong_value_is_refused(echo: Api, fields: dict[str, Any], words: str) -> None:
    found = echo.post("/v1/messages", {"messages": ASKED, "max_tokens": 5, **fields})
    assert found.status_code in (400, 404)
    fault = found.json()
    assert fault["type"] == "error"
    assert fault["error"]["type"] in ("invalid_request_error", "not_found_error")
    assert words in fault["error"]["message"]


def test_failures_are_told_in_its_form() -> None:
    import anthropic

    access = Access(("a-long-key",))
    with serving({"m": ScriptedModel("some", ModelError("it broke"))}, access=access) as api:
        with pytest.raises(anthropic.AuthenticationError, match="no valid API key"):
            client(api).messages.create(model="m", messages=ASKED, max_tokens=5)
        with pytest.raises(anthropic.InternalServerError, match="it broke"):
            client(api, "a-long-key").messages.create(model="m", messages=ASKED, max_tokens=5)
        with (
            pytest.raises(anthropic.APIStatusError, match="it broke"),
            client(api, "a-long-key").messages.stream(model="m", messages=ASKED, max_tokens=5) as stream,
        ):
            stream.get_final_message()
