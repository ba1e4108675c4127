"""Rows of a batch: each says what it says alone, ends by its own rules, and none harms another."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Timer
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf
from test_first_generation import folder as qwen1_folder  # noqa: F401 - a fixture

from qwen_chat.errors import ContextLengthError, ModelError
from qwen_chat.message import Message
from qwen_chat.model.base import BatchRequest, CompletedAnswer
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    from transformers import PreTrainedConfig
    from transformers.cache_utils import Cache

    from qwen_chat.model.hf import batching
    from qwen_chat.model.hf.engine import TransformersModel


GREEDY = SamplingParams(temperature=0)
DRAWN = SamplingParams(temperature=1.2, top_p=0.9, top_k=40, min_p=0.01, seed=3)
PENALIZED = SamplingParams(
    temperature=0, repetition_penalty=1.3, presence_penalty=2, frequency_penalty=2, max_new_tokens=24
)
LENGTHS = (60, 1, 20, 5)


def opened(folder: Path, **options: Any) -> "TransformersModel":
    from qwen_chat.model.hf.engine import TransformersModel

    return TransformersModel(
        read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32", threads=1, **options)
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[TransformersModel]":
    model = opened(tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny")))
    yield model
    model.close()


def requests(*params: SamplingParams) -> list[BatchRequest]:
    """Return prompts of different lengths, each with a limit of its own where `params` have none."""
    return [
        BatchRequest([Message("user", "word " * words)], each.over(SamplingParams(max_new_tokens=number + 3)))
        for number, (words, each) in enumerate(zip(LENGTHS, params * len(LENGTHS), strict=False))
    ]


def alone(model: "TransformersModel", request: BatchRequest) -> tuple[str, str, str | None, int]:
    deltas = list(model.stream(request.messages, request.params))
    text, reasoning = "".join(each.text for each in deltas), "".join(each.reasoning for each in deltas)
    assert deltas[-1].usage is not None
    return text, reasoning, deltas[-1].finish_reason, deltas[-1].usage.completion_tokens


def together(
    model: "TransformersModel", asked: Sequence[BatchRequest]
) -> list[tuple[str, str, str | None, int]]:
    return [
        (each.text, each.reasoning, each.finish_reason, each.usage.completion_tokens)
        for each in answered(model.answer(asked))
    ]


def answered(found: Sequence[CompletedAnswer | ModelError]) -> list[CompletedAnswer]:
    whole = [each for each in found if isinstance(each, CompletedAnswer)]
    assert len(whole) == len(found), found
    return whole


# Each as if alone


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_rows_of_every_length_say_what_they_say_alone(tmp_path: Path, kind: str) -> None:
    model = opened(tiny_hf.write_checkpoint(tmp_path, model_type=kind))
    asked = requests(GREEDY)
    found = together(model, asked)
    assert found == [alone(model, request) for request in asked]
    assert [(reason, tokens) for *_, reason, tokens in found] == [("length", n + 3) for n in range(4)]
    assert len({text for text, *_ in found}) == len(found)
    model.close()


@pytest.mark.parametrize("kind", ["int8", "int4", "fp8"])
def test_a_smaller_cache_counts_in_batches(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_chat.model.hf import batching, cache_kinds

    model = opened(tiny_hf.write_checkpoint(tmp_path), kv_cache=kind)
    made = list[str | None]()

    def watched(config: "PreTrainedConfig", kind: str | None, length: int | None) -> "Cache":
        made.append(kind)
        return cache_kinds.new_cache(config, kind, length)

    monkeypatch.setattr(batching, "new_cache", watched)
    params = SamplingParams(temperature=0, max_new_tokens=12)
    asked = [BatchRequest([Message("user", "word " * words)], params) for words in (1, 9, 4)]
    found = together(model, asked)
    assert made == [kind]
    assert all(text for text, *_ in found)
    if kind != "fp8":  # whose scales are those of the whole batch
        assert found == [alone(model, request) for request in asked]
    model.close()


def test_each_row_has_its_own_parameters_and_seed(tiny: "TransformersModel") -> None:
    asked = requests(DRAWN, GREEDY, PENALIZED, SamplingParams(temperature=1, seed=4))
    found = together(tiny, asked)
    assert found == [alone(tiny, request) for request in asked]
    assert together(tiny, asked[::-1]) == found[::-1]
    assert together(tiny, asked[:1] * 3) == found[:1] * 3


def test_penalties_count_a_rows_own_answer(tiny: "TransformersModel") -> None:
    every_other = "".join(map(chr, range(32, 127, 2)))  # were prompts counted, these would become rare
    asked = [BatchRequest([Message("user", every_other * times)], PENALIZED) for times in (1, 3, 2)]
    assert together(tiny, asked) == [alone(tiny, request) for request in asked]


def test_rows_without_a_seed_are_drawn_apart(tiny: "TransformersModel") -> None:
    request = BatchRequest([Message("user", "hi")], SamplingParams(temperature=1, max_new_tokens=12))
    assert len({text for text, *_ in together(tiny, [request] * 3)}) == 3


def test_a_stop_text_ends_its_row_before_it(tiny: "TransformersModel") -> None:
    long = [
        BatchRequest(each.messages, SamplingParams(max_new_tokens=20).over(each.params))
        for each in requests(DRAWN)
    ]
    whole = together(tiny, long)
    stop = whole[1][0][6:8]
    stopping = BatchRequest(long[1].messages, SamplingParams(stop=(stop,)).over(long[1].params))
    found = together(tiny, [long[0], stopping, *long[2:]])
    assert found[1][0] == whole[1][0].partition(stop)[0]
    assert found[1][2] == "stop"
    assert found[1][3] < 20
    assert [found[0], *found[2:]] == [whole[0], *whole[2:]]


def test_a_row_ends_at_the_end_of_the_context(tiny: "TransformersModel") -> None:
    room = 7
    frame = tiny.count([Message("user", "")])
    long = BatchRequest([Message("user", "x" * (tiny.context_length - frame - room))], GREEDY)
    short = BatchRequest([Message("user", "hi")], SamplingParams(max_new_tokens=12).over(GREEDY))
    assert together(tiny, [long, short])[0][2:] == ("context", room)
    assert together(tiny, [long, short]) == [alone(tiny, long), alone(tiny, short)]


def test_the_first_generation_stretches_each_row_by_its_own_length(qwen1_folder: Path) -> None:  # noqa: F811
    model = opened(qwen1_folder)
    asked = [
        BatchRequest([Message("user", "a1b2" * words)], SamplingParams(max_new_tokens=12).over(GREEDY))
        for words in (1, 30, 8, 50)  # within the trained length, and up to four times as long
    ]
    alpha = model._open_engine().alpha
    assert len({alpha(model.count(request.messages)) for request in asked}) >= 3
    assert together(model, asked) == [alone(model, request) for request in asked]
    model.close()


# Faults and ends


def test_a_prompt_that_does_not_fit_is_its_rows_fault(tiny: "TransformersModel") -> None:
    asked = requests(GREEDY)
    found = tiny.answer([asked[0], BatchRequest([Message("user", "x" * 5000)], GREEDY), asked[1]])
    assert isinstance(found[1], ContextLengthError)
    assert [each.text for each in answered([found[0], found[2]])] == [
        alone(tiny, request)[0] for request in asked[:2]
    ]


def test_nothing_to_write_is_no_fault(tiny: "TransformersModel") -> None:
    assert tiny.answer([]) == []
    assert all(
        isinstance(each, ContextLengthError)
        for each in tiny.answer([BatchRequest([Message("user", "x" * 5000)], GREEDY)] * 2)
    )


def test_cancel_ends_the_batch_within_a_step(tmp_path: Path) -> None:
    model = opened(tiny_hf.write_checkpoint(tmp_path, max_position_embeddings=100_000))
    endless = BatchRequest([Message("user", "hi")], SamplingParams(max_new_tokens=90_000).over(GREEDY))
    cancel = Event()
    Timer(0.3, cancel.set).start()
    found = answered(model.answer([endless] * 2, cancel=cancel))
    assert [each.finish_reason for each in found] == ["interrupted"] * 2
    assert 1 < found[0].usage.completion_tokens < 20_000
    assert found[0].usage.completion_tokens == found[1].usage.completion_tokens
    already = answered(model.answer([endless], cancel=cancel))
    assert already[0].usage.completion_tokens == 1
    model.close()


def test_too_little_memory_for_a_batch_writes_it_in_halves(
    tiny: "TransformersModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from qwen_chat.model.hf import batching

    write, sizes = batching._generate_together, list[int]()

    def small(engine: Any, rows: "Sequence[batching.BatchRow]", cancel: Event) -> list[CompletedAnswer]:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return write(engine, rows, cancel)

    asked = [*requests(DRAWN), BatchRequest([Message("user", "x")], GREEDY)]
    with monkeypatch.context() as patch:
        patch.setattr(batching, "_generate_together", small)
        found = together(tiny, asked)
    assert sizes == [5, 2, 3, 1, 2]
    assert found == [alone(tiny, request) for request in asked]


def test_the_row_at_fault_is_found(tiny: "TransformersModel", monkeypatch: pytest.MonkeyPatch) -> None:
    from qwen_chat.model.hf import batching

    asked = requests(GREEDY)
    longest = max(tiny.count(request.messages) for request in asked)
    write = batching._generate_together

    def fails(engine: Any, rows: "Sequence[batching.BatchRow]", cancel: Event) -> list[CompletedAnswer]:
        if any(len(row.prompt) == longest for row in rows):
            raise RuntimeError("shape mismatch\nin layer 3")
        return write(engine, rows, cancel)

    with monkeypatch.context() as patch:
        patch.setattr(batching, "_generate_together", fails)
        found = tiny.answer(asked)
    assert str(found[0]) == "the model failed: shape mismatch in layer 3"
    assert [each.text for each in answered(found[1:])] == [alone(tiny, each)[0] for each in asked[1:]]


def test_raw_text_is_gone_on_with(tmp_path: Path) -> None:
    model = opened(tiny_hf.write_checkpoint(tmp_path, template=None), raw=True)
    asked = requests(GREEDY)
    assert together(model, asked) == [alone(model, request) for request in asked]
    assert answered(model.answer(asked))[1].usage.prompt_tokens == len("word ")
    model.close()
