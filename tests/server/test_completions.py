"""Texts that go on, in OpenAI's older form."""

from typing import Any

import pytest
from apis import Api
from test_chat_completions import events

PROMPT = "The capital of France is"


def complete(api: Api, prompt: Any = PROMPT, **fields: Any) -> Any:
    body = {"prompt": prompt, "temperature": 0, "max_tokens": 6, **fields}
    found = api.post("/v1/completions", body)
    assert found.status_code == 200, found.text
    return found.json()


def texts(answer: Any) -> list[str]:
    return [choice["text"] for choice in answer["choices"]]


def test_a_text_goes_on(small: Api) -> None:
    from openai.types import Completion

    answer = complete(small)
    Completion.model_validate(answer, strict=True)
    assert "Paris" in texts(answer)[0]
    assert answer["usage"]["completion_tokens"] == 6
    ids = small.post("/tokenize", {"prompt": PROMPT}).json()["tokens"]
    assert texts(complete(small, ids)) == texts(answer)
    client = small.openai()
    made = client.completions.create(model="smol", prompt=PROMPT, max_tokens=6, temperature=0)
    assert made.choices[0].text == texts(answer)[0]


def test_several_texts_go_on_in_their_order(small: Api) -> None:
    answer = complete(small, [PROMPT, "One, two, three,"], n=2, seed=1)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    first, _, third, _ = texts(answer)
    assert "Paris" in first
    assert "four" in third
    one = complete(small, PROMPT)["usage"]["prompt_tokens"]
    assert one < answer["usage"]["prompt_tokens"] < 3 * one


@pytest.mark.parametrize("prompt", [PROMPT, [[504, 3575, 282]]])
def test_a_prompt_is_echoed(small: Api, prompt: Any) -> None:
    plain, echoed = (texts(complete(small, prompt, echo=echo))[0] for echo in (False, True))
    ids = prompt[0] if isinstance(prompt, list) else []
    before = small.post("/detokenize", {"tokens": ids}).json()["prompt"] if ids else PROMPT
    assert echoed == before + plain


def test_a_stream_is_the_same_text(small: Api) -> None:
    fields: dict[str, Any] = {"logprobs": 2, "echo": False}
    whole = complete(small, **fields)["choices"][0]
    body = {"prompt": PROMPT, "temperature": 0, "max_tokens": 6, "stream": True, **fields}
    body["stream_options"] = {"include_usage": True}
    chunks = events(small.post("/v1/completions", body).text)
    assert chunks.pop()["usage"]["completion_tokens"] == 6
    choices = [chunk["choices"][0] for chunk in chunks]
    assert "".join(choice["text"] for choice in choices) == whole["text"]
    assert choices[-1]["finish_reason"] == whole["finish_reason"] == "length"
    for name, values in whole["logprobs"].items():
        streamed = [value for choice in choices for value in choice["logprobs"][name]]
        assert streamed == values if name != "token_logprobs" else len(streamed) == len(values)


def test_log_probabilities_count_characters(small: Api) -> None:
    choice = complete(small, logprobs=3)["choices"][0]
    found = choice["logprobs"]
    assert "".join(found["tokens"]) == choice["text"]
    offsets = [sum(map(len, found["tokens"][:number])) for number in range(len(found["tokens"]))]
    assert found["text_offset"] == offsets
    assert all(len(each) == 3 for each in found["top_logprobs"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]] * 65}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"prompt": [1, "a"]}, "prompt[1]"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"best_of": 3}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_a_wrong_value_is_refused(small: Api, fields: dict[str, Any], param: str) -> None:
    found = small.post("/v1/completions", {"prompt": "x", **fields})
    assert found.status_code == 400
    assert found.json()["error"]["param"].startswith(param.partition("[")[0])


@pytest.mark.parametrize("prompt", ["", [""], [[]]])
def test_an_empty_prompt_is_refused(babbling: Api, prompt: Any) -> None:
    found = babbling.post("/v1/completions", {"prompt": prompt})
    assert found.status_code == 400
    assert "nothing to go on from" in found.json()["error"]["message"]


def test_a_token_that_is_none_is_refused(small: Api) -> None:
    found = small.post("/v1/completions", {"prompt": [10**8]})
    assert found.status_code == 400
    assert "no token" in found.json()["error"]["message"]


def test_a_model_without_tokens_cannot(echo: Api) -> None:
    assert echo.post("/v1/completions", {"prompt": "x"}).status_code == 501
