"""The llama.cpp engine, with the real demo model."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import get_args

import pytest
import tiny
from engine import idle_within

from qwen_chat.errors import ContextLengthError, ModelError, ModelLoadError
from qwen_chat.message import Delta, Message, Think
from qwen_chat.model.base import PromptOptions
from qwen_chat.model.catalog import embedded
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

SYSTEM = Message("system", embedded.SMALL.system_prompt or "")
FRANCE = [SYSTEM, Message("user", "What is the capital of France?")]
STORY = [SYSTEM, Message("user", "Write a long story about a fox.")]


@pytest.fixture(scope="module")
def small(model_path: Path) -> Iterator[LlamaCppModel]:
    """The demo model with a context of 256 tokens."""
    opened = LlamaCppModel(model_path, "small", LlamaCppOptions(threads=1, ctx_size=256))
    yield opened
    opened.close()


def answer(model: LlamaCppModel, messages: list[Message] = FRANCE, **params: object) -> str:
    limits = {"max_new_tokens": 32, "seed": 1, **params}
    return "".join(delta.text for delta in model.stream(messages, SamplingParams.from_mapping(limits)))


def says(model: LlamaCppModel, word: str, seed: int) -> bool:
    """Return whether the word is in an answer, which is read no further."""
    text = ""
    with closing(model.stream(FRANCE, SamplingParams(max_new_tokens=60, seed=seed))) as stream:
        return any(word in (text := text + delta.text) for delta in stream)


def last(model: LlamaCppModel, messages: list[Message], **params: object) -> Delta:
    return list(model.stream(messages, SamplingParams.from_mapping(params)))[-1]


@pytest.fixture(scope="module")
def tiny_model(small_path: Path) -> Iterator[LlamaCppModel]:
    """A model that answers at once, without sense."""
    opened = LlamaCppModel(small_path, "tiny", LlamaCppOptions(threads=1, ctx_size=512))
    yield opened
    opened.close()


def words(count: int) -> list[Message]:
    return [Message("user", "yes" + " yes" * (count - 1))]


def test_the_capital_of_france_is_right_20_times_of_20(model_path: Path) -> None:
    # What a model has read before changes its sums in the last place, and so what it draws.
    opened = LlamaCppModel(
        model_path, "fresh", LlamaCppOptions(threads=1, parallel=1), default_params=embedded.SMALL.params,
        default_system=embedded.SMALL.system_prompt,
    )  # fmt: skip
    assert sum(says(opened, "Paris", seed) for seed in range(20)) == 20
    opened.close()


def test_the_checkpoint_answers_under_its_own_defaults(model: LlamaCppModel) -> None:
    assert model.default_params.temperature == 0.2
    assert model.default_params.top_p == 0.9
    assert model.default_system == "You are a helpful assistant."
    assert model.encode(FRANCE[1:]) == model.encode(FRANCE)


def test_the_templates_own_system_prompt_is_known(small: LlamaCppModel) -> None:
    assert small.default_system.startswith("You are a helpful AI assistant named SmolLM")
    spelled = b"".join(token.bytes for token in small.encode([Message("user", "hi")])).decode()
    assert spelled.startswith(f"<|im_start|>system\n{small.default_system}<|im_end|>\n<|im_start|>user\nhi")


def test_an_empty_system_prompt_is_none_at_all(model: LlamaCppModel) -> None:
    tokens = model.encode([Message("system", ""), Message("user", "hi")])
    assert (
        b"".join(token.bytes for token in tokens)
        == b"<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_stream_yields_new_text_only_and_ends_with_its_usage(model: LlamaCppModel) -> None:
    begun = [*FRANCE, Message("assistant", "The")]
    deltas = list(model.stream(begun, SamplingParams(temperature=0, max_new_tokens=8)))
    texts = [delta.text for delta in deltas if delta.text]
    assert "".join(texts).startswith(" capital of France is")
    assert len(texts) >= 5
    assert [delta.finish_reason for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
    usage = deltas[-1].usage
    assert usage is not None
    assert usage.prompt_tokens == len(model.encode(begun))
    assert 0 < usage.completion_tokens <= 8
    assert usage.tokens_per_second > 0


def test_the_same_seed_gives_the_same_text_and_another_does_not(model: LlamaCppModel) -> None:
    first = answer(model, STORY, seed=7, temperature=1.0)
    assert answer(model, STORY, seed=7, temperature=1.0) == first
    assert answer(model, STORY, seed=8, temperature=1.0) != first


def test_every_sampling_parameter_reaches_the_engine(tiny_model: LlamaCppModel) -> None:
    model = tiny_model
    greedy = answer(model, STORY, temperature=0)
    hot = {"temperature": 1.5, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
    loose = answer(model, STORY, **hot)
    assert loose != greedy
    for narrowed in ({"top_k": 1}, {"top_p": 0.0001}, {"min_p": 1.0}):
        assert answer(model, STORY, **{**hot, **narrowed}) == greedy, narrowed
    for penalty in ({"repetition_penalty": 1.8}, {"presence_penalty": 2.0}, {"frequency_penalty": 2.0}):
        assert answer(model, STORY, temperature=0, max_new_tokens=64, **penalty) != answer(
            model, STORY, temperature=0, max_new_tokens=64
        ), penalty


def test_a_stop_text_ends_the_answer_before_it(model: LlamaCppModel) -> None:
    # Begun, the answer leaves no doubt how it goes on: "La" would be nearly as likely a first word.
    begun = [*FRANCE, Message("assistant", "The")]
    assert answer(model, begun, temperature=0, stop=["France", "Paris"]) == " capital of "


def test_the_longest_answer_is_said_to_be_cut(model: LlamaCppModel) -> None:
    assert last(model, STORY, max_new_tokens=5).finish_reason == "length"


def test_a_second_turn_reads_only_what_is_new(model: LlamaCppModel) -> None:
    nonce = "Remember the word heliotrope. " * 20
    turn = [SYSTEM, Message("user", nonce)]
    text = answer(model, turn, temperature=0)
    follow = [*turn, Message("assistant", text), Message("user", "Which word?")]
    usage = last(model, follow, max_new_tokens=4).usage
    assert usage is not None
    assert usage.prompt_tokens - usage.cached_tokens < 30
    assert usage.cached_tokens > 100


@pytest.mark.timing
def test_closing_the_stream_ends_the_work_within_a_token(model: LlamaCppModel) -> None:
    stream = model.stream(STORY, SamplingParams(max_new_tokens=4000))
    assert any(delta.text for delta in stream)
    stream.close()
    assert idle_within(model, 0.5)


@pytest.mark.timing
def test_cancelling_ends_an_answer_and_counts_what_there_is(model: LlamaCppModel) -> None:
    cancel, texts = Event(), []
    for delta in model.stream(STORY, SamplingParams(max_new_tokens=4000), cancel=cancel):
        texts.append(delta.text)
        if len(texts) == 12:
            cancel.set()
    assert delta.finish_reason == "interrupted"
    assert delta.usage is not None
    assert delta.usage.completion_tokens == len(model.encode([Message("user", "".join(texts))])) - len(
        model.encode([Message("user", "")])
    )
    assert idle_within(model, 0.5)


@pytest.mark.timing
def test_cancelling_while_the_prompt_is_read_gives_up_at_once(model: LlamaCppModel) -> None:
    cancel = Event()
    stream = model.stream(words(4000), SamplingParams(max_new_tokens=5), cancel=cancel)
    assert next(stream).prefill is not None
    started = time.monotonic()
    cancel.set()
    assert [delta.finish_reason for delta in stream][-1] == "interrupted"
    assert time.monotonic() - started < 0.5
    assert idle_within(model, 10)
    assert answer(model)


@pytest.mark.timing
def test_a_stop_while_the_prompt_is_read_ends_the_work_with_the_batch_under_way(small: LlamaCppModel) -> None:
    cancel, read, looked = Event(), [], []
    for delta in small.stream(sized(small, 250), SamplingParams(), cancel=cancel):
        if delta.prefill is not None:
            read.append(delta.prefill.done)
            looked.append(time.monotonic())
        if len(read) == 3:
            cancel.set()
    batch, seconds = read[2] - read[1], looked[2] - looked[1]
    assert batch <= 64
    assert delta.finish_reason == "interrupted"
    assert delta.usage is not None
    assert read[2] <= delta.usage.prompt_tokens < 250
    assert idle_within(small, 3 * seconds)


@pytest.mark.parametrize(("size", "finish"), [(254, "context"), (255, "context")])
def test_a_prompt_just_below_the_context_is_answered_and_said_to_be_cut(
    small: LlamaCppModel, size: int, finish: str
) -> None:
    messages = sized(small, size)
    assert last(small, messages, temperature=0, max_new_tokens=50).finish_reason == finish


@pytest.mark.parametrize("size", [256, 257, 2560])
def test_a_prompt_above_the_context_is_refused_with_both_counts(small: LlamaCppModel, size: int) -> None:
    with pytest.raises(ContextLengthError, match=rf"{size:,} tokens.*256") as caught:
        last(small, sized(small, size))
    assert (caught.value.prompt_tokens, caught.value.context_length) == (size, 256)


def sized(model: LlamaCppModel, size: int) -> list[Message]:
    messages = words(size - len(model.encode(words(1))) + 1)
    assert len(model.encode(messages)) == size
    return messages


def test_four_requests_at_once_do_not_mix(model: LlamaCppModel) -> None:
    nonces = ["Heliotrope", "Marmalade", "Zanzibar", "Quicksilver"]

    def ask(nonce: str) -> str:
        return answer(model, [SYSTEM, Message("user", f"Write one sentence about {nonce}.")], temperature=0)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, nonces))
    for text, nonce in zip(answers, nonces, strict=True):
        assert [other for other in nonces if other.lower() in text.lower()] == [nonce], answers


def test_options_reach_the_engine(model_path: Path) -> None:
    options = LlamaCppOptions(
        ctx_size=512, kv_cache="q8_0", threads=1, gpu_layers=0, cpu_only=True, parallel=1
    )
    opened = LlamaCppModel(model_path, "options", options)
    assert opened.context_length == 512
    assert answer(opened, temperature=0)
    opened.close()


def test_a_full_context_is_the_models_own(model_path: Path) -> None:
    opened = LlamaCppModel(model_path, "full", LlamaCppOptions(ctx_size=0, kv_cache="q4_0"))
    assert opened.context_length == 8192
    opened.close()


def test_more_context_than_the_model_was_made_for_is_refused(model_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="--ctx-size 9000: this model was made for 8192"):
        LlamaCppModel(model_path, "too much", LlamaCppOptions(ctx_size=9000))


def test_a_lora_adapter_changes_the_answer_by_its_scale(model_path: Path, tmp_path: Path) -> None:
    tensors = [f"blk.{block}.attn_{part}.weight" for block in range(8) for part in ("q", "output")]
    lora = tiny.write_lora(tmp_path / "lora.gguf", width=576, tensors=tensors, scale=1.0)
    answers = []
    for adapters in ((), (f"{lora}:0",), (str(lora),)):
        opened = LlamaCppModel(model_path, "lora", LlamaCppOptions(threads=1, ctx_size=256, lora=adapters))
        answers.append(answer(opened, temperature=0))
        opened.close()
    assert answers[0] == answers[1] != answers[2]


def test_a_missing_adapter_is_named(model_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"--lora none\.gguf: no such file"):
        LlamaCppModel(model_path, "lora", LlamaCppOptions(lora=("none.gguf",)))


def test_a_closed_model_says_so(model_path: Path) -> None:
    opened = LlamaCppModel(model_path, "gone", LlamaCppOptions(threads=1, ctx_size=256))
    opened.close()
    opened.close()
    with pytest.raises(ModelError):
        answer(opened)


SWITCHED = {
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>' }}{% endif %}": {
        "auto": b"", "on": b"", "off": b"<think>\n\n</think>"
    },
    "{% if enable_thinking is defined and enable_thinking is true %}{{ '<think>\n' }}{% endif %}": {
        "auto": b"", "on": b"<think>\n", "off": b""
    },
    "{% if enable_thinking is not defined or enable_thinking %}{{ '<think>\n' }}{% endif %}": {
        "auto": b"<think>\n", "on": b"<think>\n", "off": b""
    },
    "{{ '<think>\n' }}": {"auto": b"<think>\n", "on": b"<think>\n", "off": b"<think>\n"},
}  # fmt: skip
"""Ends of templates, and what each makes of the switch."""


@pytest.mark.parametrize("end", SWITCHED)
def test_reasoning_is_switched_as_the_template_says(model_path: Path, tmp_path: Path, end: str) -> None:
    template = (
        "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content }}"
        "{{ '<|im_end|>\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}"
    )
    path = tiny.write_model(tmp_path / "switched.gguf", model_path, template + end)
    opened = LlamaCppModel(path, "switched", LlamaCppOptions(threads=1))
    for think in get_args(Think):
        tokens = opened.encode([Message("user", "hi")], PromptOptions(think=think))
        assert b"".join(token.bytes for token in tokens).partition(b"assistant\n")[2] == SWITCHED[end][think]
    opened.close()


def test_raw_text_goes_in_as_it_is(model_path: Path) -> None:
    opened = LlamaCppModel(model_path, "raw", LlamaCppOptions(threads=1, raw=True))
    tokens = opened.encode([Message("user", "Once <|im_end|> upon")])
    assert b"".join(token.bytes for token in tokens) == b"Once <|im_end|> upon"
    assert not any(token.control for token in tokens)
    opened.close()
