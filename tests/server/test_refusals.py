"""Requests that are refused: each names the field at fault, and none breaks the server."""

import json
from typing import Any

import httpx
import pytest
from apis import Api, Echo, serving
from test_chat_completions import ASKED, TOOL

from qwen_chat.http.accounts import Accounts
from qwen_chat.model.base import Capabilities
from qwen_chat.server.access import Access

WRONG: list[tuple[str, Any, str]] = [
    ("temperature", "hot", "temperature"),
    ("temperature", True, "temperature"),
    ("temperature", -1, "temperature"),
    ("temperature", 99, "temperature"),
    ("top_p", 1.5, "top_p"),
    ("top_p", [], "top_p"),
    ("top_k", 0.5, "top_k"),
    ("top_k", -1, "top_k"),
    ("min_p", 2, "min_p"),
    ("presence_penalty", 3, "presence_penalty"),
    ("frequency_penalty", "a", "frequency_penalty"),
    ("repetition_penalty", 0, "repetition_penalty"),
    ("seed", -1, "seed"),
    ("seed", 2**64, "seed"),
    ("seed", 1.5, "seed"),
    ("max_tokens", 0, "max_tokens"),
    ("max_tokens", -1, "max_tokens"),
    ("max_tokens", "5", "max_tokens"),
    ("max_completion_tokens", 0, "max_completion_tokens"),
    ("stop", 5, "stop"),
    ("stop", "", "stop"),
    ("stop", ["a", ""], "stop"),
    ("stop", ["a"] * 17, "stop"),
    ("n", 0, "n"),
    ("n", 17, "n"),
    ("n", "2", "n"),
    ("n", 1.0, "n"),
    ("stream", "yes", "stream"),
    ("stream_options", {"include_usage": 1}, "stream_options.include_usage"),
    ("logit_bias", {"a": 1}, "logit_bias"),
    ("logit_bias", {"1": 101}, "logit_bias"),
    ("logit_bias", {"1": "x"}, "logit_bias"),
    ("logit_bias", [1], "logit_bias"),
    ("logprobs", 1, "logprobs"),
    ("top_logprobs", 21, "top_logprobs"),
    ("top_logprobs", 2, "top_logprobs"),
    ("response_format", {"type": "xml"}, "response_format.type"),
    ("response_format", {"type": "json_schema"}, "response_format"),
    ("response_format", {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}, "response_format"),
    ("response_format", {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}, "response_format"),
    ("tools", {}, "tools"),
    ("tools", [{"type": "web_search"}], "tools[0]"),
    ("tools", [{"type": "function"}], "tools[0]"),
    ("tools", [{"type": "function", "function": {"name": ""}}], "tools[0].function.name"),
    ("tools", [{"type": "function", "function": {"name": "a b"}}], "tools[0].function.name"),
    ("tools", [TOOL, TOOL], "tools"),
    ("tool_choice", "any", "tool_choice"),
    ("tool_choice", "required", "tool_choice"),
    ("tool_choice", {"type": "function", "function": {"name": "other"}}, "tool_choice"),
    ("reasoning_effort", "huge", "reasoning_effort"),
    ("chat_template_kwargs", {"enable_thinking": "no"}, "chat_template_kwargs"),
    ("chat_template_kwargs", {"other": 1}, "chat_template_kwargs"),
    ("thinking_budget", 5, "thinking_budget"),
    ("guided_json", {}, "guided_json"),
    ("model", 5, "model"),
    ("messages", [], "messages"),
    ("messages", "hi", "messages"),
    ("messages", [{"content": "x"}], "messages[0].role"),
    ("messages", [{"role": "king", "content": "x"}], "messages[0].role"),
    ("messages", [{"role": "system", "content": "x"}], "messages"),
    ("messages", [{"role": "user", "content": 5}], "messages[0].content"),
    ("messages", [{"role": "user", "content": [{"type": "text", "text": 5}]}], "messages[0].content[0].text"),
    (
        "messages",
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        "messages[0].content[0]",
    ),
    (
        "messages",
        [
            *ASKED,
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": "{"}}],
            },
        ],
        "messages[1].tool_calls[0].function.arguments",
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("field", "value", "param"), WRONG)
def test_a_wrong_value_is_refused_with_its_field(
    echo: Api, field: str, value: Any, param: str, stream: bool
) -> None:
    found = echo.post("/v1/chat/completions", {"messages": ASKED, "stream": stream, field: value})
    assert found.status_code == 400, found.text
    fault = found.json()["error"]
    assert fault["param"] == param
    assert fault["type"] == "invalid_request_error"
    assert "\n" not in fault["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": Infinity}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages": [{"role": "user", "content": "x"}], "seed": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_is_no_request_is_refused(echo: Api, body: bytes) -> None:
    found = echo.post("/v1/chat/completions", content=body)
    assert found.status_code == 400
    assert found.json()["error"]["message"]


def test_the_words_are_those_of_every_front_end(echo: Api) -> None:
    fault = echo.chat("x", temperature=9).json()["error"]["message"]
    assert fault == "temperature=9: must be from 0 to 5"


def test_a_model_that_is_not_served(echo: Api) -> None:
    found = echo.chat("x", model="gpt-4")
    assert found.status_code == 404
    assert found.json()["error"] == {
        "message": "model: 'gpt-4' is not served here; there are: echo",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    assert echo.http.get("/v1/models/gpt-4").status_code == 404


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/health", 405)])
def test_a_route_that_is_none(echo: Api, method: str, path: str, status: int) -> None:
    found = echo.http.request(method, path)
    assert found.status_code == status
    assert found.json()["error"]["message"]


def test_a_prompt_that_does_not_fit(small: Api) -> None:
    for stream in (False, True):
        found = small.chat("word " * 20_000, stream=stream)
        fault = found.json()["error"]
        assert (found.status_code, fault["code"]) == (400, "context_length_exceeded")
        assert "20,0" in fault["message"]


def test_unknown_fields_are_named(echo: Api) -> None:
    found = echo.chat("x", keep_alive=5, user="ann", store=True, mirostat=2)
    assert found.status_code == 200
    assert found.headers["x-ignored-fields"] == "keep_alive, mirostat"


def test_what_an_engine_cannot_do_is_refused() -> None:
    model, plain = Echo(), Echo()
    model.capabilities, plain.capabilities = Capabilities(tools=True), Capabilities()
    asked: dict[str, dict[str, Any]] = {
        "tools": {"tools": [TOOL], "model": "plain"},
        "tool_choice": {"tools": [TOOL], "tool_choice": "required"},
        "response_format": {"response_format": {"type": "json_object"}},
        "logit_bias": {"logit_bias": {"1": 1}},
        "logprobs": {"logprobs": True},
    }
    with serving({"m": model, "plain": plain}) as api:
        for param, fields in asked.items():
            found = api.chat("x", **fields)
            assert (found.status_code, found.json()["error"]["param"]) == (400, param)
        assert api.post("/tokenize", {"prompt": "x"}).status_code == 501


def test_a_large_body_is_refused(echo: Api) -> None:
    found = echo.chat("x" * (17 * 2**20))
    assert found.status_code == 413
    assert "16 MB" in found.json()["error"]["message"]


def test_other_hosts_and_other_sites_are_refused() -> None:
    with serving({"echo": Echo()}, access=Access(origins=("https://good.example",))) as api:
        assert api.http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 400
        evil = {"Origin": "https://evil.example"}
        assert api.post("/v1/chat/completions", {"messages": ASKED}, headers=evil).status_code == 403
        assert "access-control-allow-origin" not in api.http.get("/v1/models", headers=evil).headers
        good = {"Origin": "https://good.example"}
        answer = api.post("/v1/chat/completions", {"messages": ASKED}, headers=good)
        assert answer.headers["access-control-allow-origin"] == "https://good.example"
        preflight = {**good, "Access-Control-Request-Method": "POST"}
        preflight["Access-Control-Request-Headers"] = "authorization,content-type"
        assert api.http.options("/v1/chat/completions", headers=preflight).status_code == 200
        assert api.http.options("/v1/models", headers={**preflight, **evil}).status_code in (403, 405)


@pytest.fixture(scope="module")
def locked() -> Any:
    access = Access(("first-key-123", "second-key-456"), Accounts([("ann", "secret")]))
    with serving({"echo": Echo()}, access=access) as api:
        yield api


def every_route(api: Api) -> list[tuple[str, str]]:
    document = api.http.get("/openapi.json", headers={"X-Api-Key": "first-key-123"}).json()
    return [(method, path) for path, methods in document["paths"].items() for method in methods]


def test_every_route_but_health_needs_a_key(locked: Api) -> None:
    routes = [*every_route(locked), ("get", "/openapi.json"), ("get", "/nowhere")]
    assert len(routes) > 7
    for method, path in routes:
        status = locked.http.request(method, path).status_code
        assert (status == 401) is (path != "/health"), path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer first-key-123"}, 200),
        ({"Authorization": "bearer second-key-456"}, 200),
        ({"X-Api-Key": "second-key-456"}, 200),
        ({"Authorization": "Basic YW5uOnNlY3JldA=="}, 200),
        ({"Authorization": "Bearer first-key-12"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "first-key-123"}, 401),
        ({"Authorization": "Basic YW5uOndyb25n"}, 401),
        ({"Authorization": "Basic !"}, 401),
        ({"X-Api-Key": ""}, 401),
        ({"X-Api-Key": "first-key-123é".encode()}, 401),
    ],
)
def test_keys(locked: Api, headers: dict[str, Any], status: int) -> None:
    found = locked.http.get("/v1/models", headers=headers)
    assert found.status_code == status
    if status == 401:
        assert found.json()["error"]["code"] == "invalid_api_key"
        assert found.headers["www-authenticate"] == "Bearer"


def test_openais_client_shows_its_key(locked: Api) -> None:
    assert [*locked.openai(api_key="first-key-123").models.list()]
    with pytest.raises(Exception, match="no valid API key"):
        locked.openai(api_key="wrong").models.list()


def test_the_document_is_whole(echo: Api) -> None:
    text = echo.http.get("/openapi.json").text
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= set(schemas)
    assert not httpx.Response(200, text=text).text.count("#/$defs/")
