"""Answers do not depend on how a prompt is read, with whom, or on what was answered before."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tiny_qwen1 import SEQ_LENGTH, Model, load, prompt

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache


NEW = 20
LENGTHS = (5, 12, SEQ_LENGTH, SEQ_LENGTH + 1, 30, 40)
Answer: TypeAlias = "Callable[[Model, torch.Tensor], list[int]]"


@pytest.fixture(scope="module")
def model() -> Model:
    return load(max_position_embeddings=256)


def answer(model: Model, ids: "torch.Tensor", **options: object) -> list[int]:
    written = model.generate(ids, max_new_tokens=NEW, do_sample=False, **options)
    new: list[int] = written[0, ids.shape[1] :].tolist()
    assert len(new) == NEW
    return new


def padded(model: Model, ids: "torch.Tensor") -> list[int]:
    """Answer in the first row of a batch, beside a prompt that is longer."""
    import torch

    longest = ids.shape[1] + 9
    rows = torch.cat((torch.cat((torch.zeros(1, 9, dtype=torch.long), ids), dim=1), prompt(longest, seed=8)))
    mask = torch.stack([torch.arange(longest) >= 9, torch.arange(longest) >= 0]).long()
    return answer(model, rows, attention_mask=mask)


def read(model: Model, cache: "DynamicCache", ids: "torch.Tensor", chunk: int = 4) -> None:
    """Read what the cache lacks of a prompt but for its last token, chunk by chunk."""
    import torch

    with torch.no_grad():
        for start in range(int(cache.get_seq_length()), ids.shape[1] - 1, chunk):
            model(ids[:, start : min(start + chunk, ids.shape[1] - 1)], past_key_values=cache)


def in_chunks(model: Model, ids: "torch.Tensor") -> list[int]:
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    model.begin_cache(cache, ids.shape[1])
    read(model, cache, ids)
    return answer(model, ids, past_key_values=cache)


WAYS: dict[str, Answer] = {
    "no cache": lambda model, ids: answer(model, ids, use_cache=False),
    "static cache": lambda model, ids: answer(model, ids, cache_implementation="static"),
    "prefill chunks": lambda model, ids: answer(model, ids, prefill_chunk_size=4),
    "chunks of an engine": in_chunks,
    "padded batch": padded,
    "speculation": lambda model, ids: answer(model, ids, prompt_lookup_num_tokens=3),
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_all_ways_of_reading_give_one_answer(model: Model, way: Answer, length: int) -> None:
    ids = prompt(length, seed=length)
    plain = answer(model, ids)
    assert len(set(plain)) > 3
    assert way(model, ids) == plain


def test_beams_do_not_depend_on_the_cache(model: Model) -> None:
    import torch

    rows = torch.cat((torch.cat((torch.zeros(1, 28, dtype=torch.long), prompt(12)), dim=1), prompt(40)))
    mask = torch.stack([torch.arange(40) >= 28, torch.arange(40) >= 0]).long()
    cached, uncached = (
        model.generate(rows, attention_mask=mask, num_beams=3, max_new_tokens=8, use_cache=use)
        for use in (True, False)
    )
    assert torch.equal(cached, uncached)


def test_a_batch_of_many_lengths_answers_as_each_alone(model: Model) -> None:
    import torch

    prompts = [prompt(length, seed=length) for length in LENGTHS]
    longest = max(LENGTHS)
    rows = torch.cat([torch.nn.functional.pad(ids, (longest - ids.shape[1], 0)) for ids in prompts])
    mask = torch.stack([torch.arange(longest) >= longest - length for length in LENGTHS]).long()
    written = model.generate(rows, attention_mask=mask, max_new_tokens=NEW, do_sample=False)
    assert written[:, longest:].tolist() == [answer(model, ids) for ids in prompts]


def test_interleaved_conversations_do_not_disturb_each_other(model: Model) -> None:
    """Their prompts are stretched differently, and each step of one comes between two of the other."""
    import torch
    from transformers import DynamicCache

    conversations = [prompt(12, seed=1), prompt(40, seed=2)]
    alone = [answer(model, ids) for ids in conversations]
    caches = [DynamicCache(config=model.config) for _ in conversations]
    together: list[list[int]] = [[], []]
    next_ids = list(conversations)
    for _ in range(NEW):
        for which, cache in enumerate(caches):
            with torch.no_grad():
                logits = model(next_ids[which], past_key_values=cache).logits
            together[which].append(int(logits[0, -1].argmax()))
            next_ids[which] = torch.tensor([[together[which][-1]]])
    assert together == alone


@pytest.mark.parametrize(("first", "second"), [(5, 14), (20, 31), (35, 62)])
def test_a_next_turn_goes_on_in_the_cache(model: Model, first: int, second: int) -> None:
    """The first answer itself grows past a length that would be stretched more."""
    import torch
    from transformers import DynamicCache

    assert model.rope_alpha(first) == model.rope_alpha(second)
    ids = prompt(first, seed=first)
    cache = DynamicCache(config=model.config)
    model.begin_cache(cache, first)
    read(model, cache, ids)
    new = answer(model, ids, past_key_values=cache)
    kept = torch.tensor([new[: (second - first) // 2]])
    held = int(cache.get_seq_length())
    cache.crop(first + kept.shape[1] - 1 - held)
    ids = torch.cat((ids, kept, prompt(second - first - kept.shape[1], seed=9)), dim=1)
    model.begin_cache(cache, second)
    read(model, cache, ids)
    assert answer(model, ids, past_key_values=cache) == answer(model, ids)


def test_without_begin_cache_the_first_chunk_would_decide(model: Model) -> None:
    import torch
    from transformers import DynamicCache

    ids, logits = prompt(40), []
    for begun in (False, True):
        cache = DynamicCache(config=model.config)
        if begun:
            model.begin_cache(cache, 40)
        read(model, cache, ids)
        with torch.no_grad():
            logits.append(model(ids[:, -1:], past_key_values=cache).logits[0, -1])
    with torch.no_grad():
        whole = model(ids).logits[0, -1]
    assert (logits[1] - whole).abs().max() < 1e-4
    assert (logits[0] - whole).abs().max() > 0.1


def test_a_cache_of_another_stretching_is_refused(model: Model) -> None:
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    model.begin_cache(cache, 10)
    model.begin_cache(cache, 40)  # It is still empty.
    read(model, cache, prompt(40))
    model.begin_cache(cache, 50)
    with pytest.raises(ValueError, match="another α than 1"):
        model.begin_cache(cache, 10)


def test_an_emptied_cache_forgets_its_stretching(model: Model) -> None:
    import torch
    from transformers import StaticCache

    cache = StaticCache(config=model.config, max_cache_len=64)
    with torch.no_grad():
        model(prompt(40), past_key_values=cache)
        cache.reset()
        again = model(prompt(10), past_key_values=cache).logits
        fresh = model(prompt(10)).logits
    torch.testing.assert_close(again, fresh)


def test_a_copied_cache_keeps_its_stretching(model: Model) -> None:
    from transformers import DynamicCache

    ids = prompt(40)
    cache = DynamicCache(config=model.config)
    model.begin_cache(cache, 40)
    read(model, cache, ids)
    assert answer(model, ids, past_key_values=copy.deepcopy(cache)) == answer(model, ids)


def test_the_rows_of_a_cache_can_be_multiplied(model: Model) -> None:
    import torch
    from transformers import DynamicCache

    rows = torch.cat((prompt(40, seed=1), prompt(40, seed=2)))
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(rows[:, :-1], torch.ones(2, 39, dtype=torch.long), past_key_values=cache)
        cache.batch_repeat_interleave(2)
        last = model(rows[:, -1:].repeat_interleave(2, dim=0), past_key_values=cache).logits
        whole = model(rows, ntk_alphas=torch.tensor([model.rope_alpha(39)])).logits[:, -1:]
    torch.testing.assert_close(last, whole.repeat_interleave(2, dim=0), rtol=0, atol=1e-4)


def test_one_compiled_graph_serves_all_steps(model: Model) -> None:
    import torch
    from transformers import StaticCache

    ids = prompt(40)
    cache = StaticCache(config=model.config, max_cache_len=64)
    step: Any = torch.compile(model.forward, backend="eager", fullgraph=True)
    with torch.no_grad():
        model(ids[:, :38], past_key_values=cache)
        alphas = torch.tensor([model.rope_alpha(38)])
        for i in (38, 39):
            places = torch.tensor([[i]])
            out = step(ids[:, [i]], past_key_values=cache, position_ids=places, ntk_alphas=alphas)
        torch.testing.assert_close(out.logits[0, -1], model(ids).logits[0, -1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("tokens", "alpha"),
    [(0, 1), (1, 1), (8191, 1), (8192, 1), (8193, 3), (16384, 3), (16385, 7), (32768, 7), (32769, 15)],
)
def test_the_stretching_of_a_prompt(tokens: int, alpha: int) -> None:
    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.rotary import ntk_alpha

    assert ntk_alpha(tokens, QWenConfig()) == alpha
    assert ntk_alpha(tokens, QWenConfig(use_dynamic_ntk=False)) == 1
