"""An answer is the same however its prompt was read and its tokens were guessed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf

from qwen_chat.message import Prefill

if TYPE_CHECKING:
    from transformers.cache_utils import Cache

    from qwen_chat.model.hf.decode import Candidates


PROMPT = [3 + number * 7 % 250 for number in range(40)]
LIMIT = 48
NO_END = frozenset({-1})


@pytest.fixture(scope="module", params=["qwen2", "qwen3", "llama", "qwen3_moe"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    experts: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    extra: dict[str, Any] = experts if "moe" in request.param else {}
    folder = tiny_hf.write_checkpoint(tmp_path_factory.mktemp("m"), model_type=request.param, **extra)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def answer(
    model: Any,
    *,
    chunk: int = 512,
    candidates: "Candidates | None" = None,
    cache: "Cache | None" = None,
    known: int = 0,
    ends: frozenset[int] = NO_END,
) -> list[int]:
    from transformers import LogitsProcessorList
    from transformers.cache_utils import DynamicCache

    from qwen_chat.model.hf.decode import Decoder, DecodeTask

    task = DecodeTask(
        PROMPT, cache or DynamicCache(config=model.config), known, LogitsProcessorList(), ends, LIMIT
    )
    events = list(Decoder(model, chunk).decode(task, candidates))
    return [id for event in events if not isinstance(event, Prefill) for id in event]


@pytest.fixture(scope="module")
def wanted(model: Any) -> list[int]:
    """What transformers itself writes, greedily."""
    import torch

    prompt = torch.tensor([PROMPT])
    made = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=LIMIT,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    found: list[int] = made[0, len(PROMPT) :].tolist()
    return found


def test_it_writes_what_generate_writes(model: Any, wanted: list[int]) -> None:
    assert answer(model) == wanted


@pytest.mark.parametrize("chunk", [1, 7, 39, 40])
def test_the_prompt_can_be_read_in_chunks(model: Any, wanted: list[int], chunk: int) -> None:
    assert answer(model, chunk=chunk) == wanted


def test_a_known_prefix_is_not_read_again(model: Any, wanted: list[int]) -> None:
    import torch
    from transformers.cache_utils import DynamicCache

    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(input_ids=torch.tensor([PROMPT[:25]]), past_key_values=cache, use_cache=True)
    assert answer(model, cache=cache, known=25) == wanted


@pytest.mark.parametrize("kind", ["lookup", "itself", "another"])
def test_guesses_change_nothing(model: Any, wanted: list[int], kind: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.cache_utils import DynamicCache

    from qwen_chat.model.hf.speculation import draft_model, prompt_lookup

    def guess() -> "Callable[[], Candidates]":
        if kind == "lookup":
            return prompt_lookup(5, 512)
        if kind == "itself":
            return draft_model(model)
        folder = tiny_hf.write_checkpoint(tmp_path, seed=3)
        return draft_model(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))

    cache = DynamicCache(config=model.config)
    assert answer(model, candidates=guess()(), cache=cache) == wanted
    assert cache.get_seq_length() == len(PROMPT) + LIMIT - 1


def test_right_guesses_save_steps(model: Any, wanted: list[int]) -> None:
    from transformers import LogitsProcessorList
    from transformers.cache_utils import DynamicCache

    from qwen_chat.model.hf.decode import Decoder, DecodeTask
    from qwen_chat.model.hf.speculation import draft_model

    task = DecodeTask(PROMPT, DynamicCache(config=model.config), 0, LogitsProcessorList(), NO_END, LIMIT)
    steps = [
        event for event in Decoder(model, 512).decode(task, draft_model(model)()) if isinstance(event, list)
    ]
    assert [id for step in steps for id in step] == wanted
    assert len(steps) <= 1 + -(-LIMIT // 5) + 1


def test_an_end_token_ends_it_also_among_guesses(model: Any, wanted: list[int]) -> None:
    from qwen_chat.model.hf.speculation import draft_model

    end = wanted[20]
    upto = wanted[: wanted.index(end) + 1]
    assert answer(model, ends=frozenset({end})) == upto
    assert answer(model, ends=frozenset({end}), candidates=draft_model(model)()) == upto


def test_progress_is_told_before_the_work_and_after_it(model: Any) -> None:
    from transformers import LogitsProcessorList
    from transformers.cache_utils import DynamicCache

    from qwen_chat.model.hf.decode import Decoder, DecodeTask

    task = DecodeTask(PROMPT, DynamicCache(config=model.config), 0, LogitsProcessorList(), NO_END, 1)
    events = Decoder(model, 16).decode(task)
    assert next(events) == Prefill(0, 40)
    assert task.cache.get_seq_length() == 0
    assert [event for event in events if isinstance(event, Prefill)] == [
        Prefill(16, 40),
        Prefill(32, 40),
        Prefill(40, 40),
    ]
