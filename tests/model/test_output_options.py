"""Answers in a given form, required calls, biased tokens, log-probabilities, and bare completions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qwen_chat.errors import ContextLengthError, UsageError
from qwen_chat.message import Delta, Message, Tool
from qwen_chat.model.base import OutputOptions, PromptOptions
from qwen_chat.model.grammar import json_grammar, json_object_grammar, tool_call_grammar
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

ASKED = [Message("user", "Name a city.")]
EXACT = SamplingParams(temperature=0, max_new_tokens=40)
CITY = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Rome", "Oslo"]},
        "size": {"type": "integer", "maximum": 9, "minimum": 1},
    },
    "required": ["city", "size"],
    "additionalProperties": False,
}
TOOLS = [Tool("look", 'looks "up"', CITY), Tool('a"b\\c', "odd", {"type": "object", "format": "unknown"})]


@pytest.fixture(scope="module")
def small(model_path: Path) -> Iterator[LlamaCppModel]:
    opened = LlamaCppModel(model_path, "small", LlamaCppOptions(ctx_size=512, threads=1, parallel=1))
    yield opened
    opened.close()


def answer(model: LlamaCppModel, output: OutputOptions, **options: Any) -> list[Delta]:
    return [*model.stream(ASKED, EXACT, PromptOptions(output=output, **options))]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_an_answer_follows_its_schema(small: LlamaCppModel) -> None:
    found = json.loads(text(answer(small, OutputOptions(json_grammar(CITY)))))
    assert found["city"] in ("Rome", "Oslo")
    assert 1 <= found["size"] <= 9


def test_an_answer_is_some_object(small: LlamaCppModel) -> None:
    assert text(answer(small, OutputOptions(json_object_grammar()))).lstrip().startswith("{")


@pytest.mark.parametrize("tools", [TOOLS[:1], TOOLS[1:], TOOLS])
def test_a_required_call_is_one(small: LlamaCppModel, tools: list[Tool]) -> None:
    deltas = answer(small, OutputOptions(tool_call_grammar(tools)), tools=tuple(tools))
    calls = [piece for delta in deltas for piece in delta.tool_calls]
    if not calls:  # an object without a schema may be long
        assert text(deltas).startswith("<tool_call>")
        assert deltas[-1].finish_reason == "length"
        return
    (call,) = calls
    assert call.name in [tool.name for tool in tools]
    assert isinstance(json.loads(call.arguments), dict)
    assert deltas[-1].finish_reason in ("tool_calls", "length")
    assert text(deltas) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "a(?=b)"},
        {"type": "string", "pattern": "("},
        {"not": {}},
        {"$ref": "https://example.com/schema"},
        {"type": "text"},
        {"type": "array", "uniqueItems": True},
    ],
)
def test_a_schema_that_cannot_be_enforced_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="the schema cannot be enforced: ") as caught:
        json_grammar(schema)
    assert "\n" not in str(caught.value)


def test_a_biased_token_comes_or_never_comes(small: LlamaCppModel) -> None:
    first = answer(small, OutputOptions(top_logprobs=1))
    token = next(delta.logprobs[0] for delta in first if delta.logprobs)
    assert not token.logprob > 0
    assert token.likeliest == (token.likeliest[0],)
    banned = answer(small, OutputOptions(top_logprobs=0, logit_bias={token.id: -100}))
    ids = [each.id for delta in banned for each in delta.logprobs]
    assert token.id not in ids
    chosen = answer(small, OutputOptions(top_logprobs=0, logit_bias={ids[0]: 100}))
    assert {each.id for delta in chosen for each in delta.logprobs} == {ids[0]}


def test_log_probabilities_spell_the_answer(small: LlamaCppModel) -> None:
    deltas = answer(small, OutputOptions(top_logprobs=3))
    tokens = [each for delta in deltas for each in delta.logprobs]
    assert b"".join(each.bytes for each in tokens).decode() == text(deltas)
    assert all(len(each.likeliest) == 3 for each in tokens)
    usage = deltas[-1].usage
    assert usage is not None
    assert abs(len(tokens) - usage.completion_tokens) <= 1  # the end token has no text


def test_a_text_goes_on(small: LlamaCppModel) -> None:
    few = SamplingParams(temperature=0, max_new_tokens=8)
    by_text = text([*small.complete("The capital of France is", few)])
    assert "Paris" in by_text
    ids = [*small._tokenizer.start_ids, *small._http.tokenize("The capital of France is")]
    assert text([*small.complete(ids, few)]) == by_text


def test_a_typed_control_token_is_text_in_a_completion(small: LlamaCppModel) -> None:
    (end,) = [
        delta for delta in small.complete("<|im_end|>", SamplingParams(max_new_tokens=1)) if delta.usage
    ]
    assert end.usage is not None
    assert end.usage.prompt_tokens > 1


@pytest.mark.parametrize("ids", [[-1], [10**9], [1, 2, 49152]])
def test_an_id_that_is_none_is_refused(small: LlamaCppModel, ids: list[int]) -> None:
    with pytest.raises(UsageError, match=f"{ids[-1]} is no token of small: there are 49152"):
        [*small.complete(ids, EXACT)]


def test_a_completion_that_does_not_fit_is_refused(small: LlamaCppModel) -> None:
    with pytest.raises(ContextLengthError):
        [*small.complete("word " * 600, EXACT)]
