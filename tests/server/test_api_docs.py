"""The page of the API names every field that is honoured, without effect or refused, and every route."""

import re

import pytest
from apis import Api
from places import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\s]+)`", PAGE))


def test_every_field_that_is_honoured_is_named() -> None:
    from qwen_chat.server.chat_schema import ChatBody
    from qwen_chat.server.completion_schema import CompletionBody
    from qwen_chat.server.messages_schema import MessagesBody
    from qwen_chat.server.responses_schema import ResponsesBody

    text = PAGE
    for body in (ChatBody, CompletionBody, MessagesBody, ResponsesBody):
        missing = [name for name in body.model_fields if not re.search(rf"`{name}[`.]", text)]
        assert missing == [], body.__name__


@pytest.mark.parametrize("kind", ["WITHOUT_EFFECT", "REFUSED"])
def test_every_other_known_field_is_named(kind: str) -> None:
    from qwen_chat.server import call

    names: tuple[str, ...] = getattr(call, kind)
    assert set(names) <= NAMED


def test_every_route_is_named(echo: Api) -> None:
    document = echo.http.get("/openapi.json").json()
    for path in document["paths"]:
        assert path.replace("{model}", "{id}") in PAGE
