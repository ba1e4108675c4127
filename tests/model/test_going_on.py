"""Answers that are gone on with, and what they could have said: on both engines."""

import random
from collections.abc import Iterator, Sequence
from math import isclose
from pathlib import Path
from typing import Any

import pytest
import tiny_hf

from qwen_chat.errors import ContextLengthError, UsageError
from qwen_chat.message import Delta, Message
from qwen_chat.model.base import TokenizingModel
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams

QUESTION = [Message("user", "Name three colours of the sky, please.")]
THINKING = tiny_hf.TEMPLATE.replace("assistant\n' }}{% endif", "assistant\n<think>\n' }}{% endif")


@pytest.fixture(params=["llama.cpp", "torch"])
def engine(request: pytest.FixtureRequest) -> TokenizingModel:
    """The demo model, on one engine after the other."""
    name = {"llama.cpp": "model", "torch": "smol_model"}[request.param]
    found: TokenizingModel = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def random_bytes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A model that writes any bytes, so that characters end in the middle of nowhere."""
    from qwen_chat.model.hf.engine import TransformersModel
    from qwen_chat.model.hf.options import TransformersOptions

    folder = tiny_hf.write_checkpoint(
        tmp_path_factory.mktemp("tiny"), template=THINKING, any_bytes=True, extra=("<think>", "</think>")
    )
    opened = TransformersModel(read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32"))
    yield opened
    opened.close()


def ask(model: TokenizingModel, messages: Sequence[Message], tokens: int, **params: Any) -> list[Delta]:
    params = {"temperature": 0.0, **params}
    return list(model.stream(messages, SamplingParams(max_new_tokens=tokens, **params)))


def said(deltas: Sequence[Delta]) -> Message:
    reasoning = "".join(delta.reasoning for delta in deltas)
    return Message("assistant", "".join(delta.text for delta in deltas), reasoning)


def joined(first: Message, second: Message) -> Message:
    return Message("assistant", first.content + second.content, first.reasoning + second.reasoning)


@pytest.mark.parametrize("cut", [1, 2, 5, 13])
def test_an_answer_is_gone_on_with_as_if_it_had_not_been_cut(engine: TokenizingModel, cut: int) -> None:
    whole = said(ask(engine, QUESTION, 20))
    begun = ask(engine, QUESTION, cut)
    assert begun[-1].finish_reason == "length"
    rest = ask(engine, [*QUESTION, said(begun)], 20 - cut)
    if not isinstance(engine, LlamaCppModel):
        # llama.cpp rounds what it reads otherwise than what it writes: a close call may go either way.
        assert joined(said(begun), said(rest)) == whole
    tokens = engine.encode([*QUESTION, joined(said(begun), said(rest))])
    assert tokens[: engine.count(QUESTION) + cut] == engine.encode([*QUESTION, said(begun)])
    usage = rest[-1].usage
    assert usage is not None
    assert usage.prompt_tokens == engine.count(QUESTION) + cut
    assert usage.cached_tokens >= engine.count(QUESTION)


def test_text_from_elsewhere_is_gone_on_with(engine: TokenizingModel) -> None:
    begun = Message("assistant", "The sky is blue, <|im_end|> gr")
    tokens = engine.encode([*QUESTION, begun])
    assert b"".join(token.bytes for token in tokens).endswith(b"assistant\nThe sky is blue, <|im_end|> gr")
    assert [token.bytes for token in tokens if token.control] == [
        token.bytes for token in engine.encode(QUESTION) if token.control
    ]
    assert engine.count([*QUESTION, begun]) == len(tokens)
    assert said(ask(engine, [*QUESTION, begun], 5)).content


def test_what_does_not_fit_is_refused(engine: TokenizingModel) -> None:
    with pytest.raises(ContextLengthError):
        ask(engine, [*QUESTION, Message("assistant", "word " * 9000)], 5)


def test_alternatives_are_told_and_gone_on_with(engine: TokenizingModel) -> None:
    answer = said(ask(engine, QUESTION, 12))
    tokens = engine.encode([*QUESTION, answer])[engine.count(QUESTION) :]
    assert len(tokens) == 12
    for position in (0, 5, 11):
        found = engine.alternatives([*QUESTION, answer], position, 6)
        assert len(found) == 6
        assert found[0].token == tokens[position]
        chances = [each.probability for each in found]
        assert chances == sorted(chances, reverse=True)
        assert 0 < sum(chances) <= 1
        before = b"".join(token.bytes for token in tokens[:position])
        for each in found:
            assert each.answer.content.encode() == before + each.token.bytes
    other = engine.alternatives([*QUESTION, answer], 5, 6)[3]
    begun = engine.encode([*QUESTION, other.answer])
    assert [token.id for token in begun[engine.count(QUESTION) :]] == [
        *(token.id for token in tokens[:5]),
        other.token.id,
    ]
    assert said(ask(engine, [*QUESTION, other.answer], 4)).content


def test_engines_agree_on_what_is_likely(model: LlamaCppModel, smol_model: TokenizingModel) -> None:
    # The weights of one are rounded to 4 bits.
    prompt = [Message("system", "Be brief."), Message("user", "2 + 2 ="), Message("assistant", "2 + 2 = 4")]
    ours = {each.token.id: each.probability for each in model.alternatives(prompt, 1, 3)}
    theirs = {each.token.id: each.probability for each in smol_model.alternatives(prompt, 1, 3)}
    assert next(iter(ours)) == next(iter(theirs))
    assert isclose(max(ours.values()), max(theirs.values()), abs_tol=0.15)


@pytest.mark.parametrize("position", [-1, 3, 99])
def test_a_token_that_is_not_there(engine: TokenizingModel, position: int) -> None:
    with pytest.raises(UsageError, match=f"no token {position + 1}: the answer has 3, counted from 1"):
        engine.alternatives([*QUESTION, said(ask(engine, QUESTION, 3))], position, 5)
    with pytest.raises(UsageError, match="there is no answer yet"):
        engine.alternatives(QUESTION, position, 5)


def test_half_characters_and_half_thoughts_are_gone_on_with(random_bytes: Any) -> None:
    """Cut anywhere, the tokens that make no whole character are left out, and come again."""
    whole = said(ask(random_bytes, QUESTION, 60))
    assert whole.reasoning
    for cut in range(1, 40):
        begun = ask(random_bytes, QUESTION, cut)
        assert "\ufffd" not in said(begun).reasoning[-1:]
        known = random_bytes.count([*QUESTION, said(begun)]) - random_bytes.count(QUESTION)
        rest = ask(random_bytes, [*QUESTION, said(begun)], 60 - known)
        assert joined(said(begun), said(rest)) == whole, cut


def test_many_answers_at_once_keep_their_tokens(engine: TokenizingModel) -> None:
    generator = random.Random(0)
    for _ in range(4):
        seed = generator.randrange(1000)
        begun = said(ask(engine, QUESTION, 6, temperature=0.9, seed=seed))
        first = engine.encode([*QUESTION, begun])[engine.count(QUESTION) :]
        assert len(first) == 6
        assert b"".join(token.bytes for token in first).decode(errors="ignore") == begun.content


def test_a_thought_is_written_back_as_the_model_writes_it(random_bytes: Any, tmp_path: Path) -> None:
    answer = Message("assistant", "four", "two and two")
    tokens = random_bytes.encode([*QUESTION, answer])
    assert b"".join(token.bytes for token in tokens).endswith(b"<think>\ntwo and two\n</think>\n\nfour")
    assert [token.bytes for token in tokens if token.control][-2:] == [b"<think>", b"</think>"]
