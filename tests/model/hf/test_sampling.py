"""Scores become tokens as the parameters say, and a seed decides alone."""

from typing import TYPE_CHECKING

import pytest

from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    import torch


VOCABULARY = 4


def scores() -> "torch.Tensor":
    import torch

    return torch.tensor([[2.0, 1.0, 0.0, -1.0, 9.0]])


def nothing() -> "torch.Tensor":
    import torch

    return torch.empty((1, 0), dtype=torch.long)


def draw(params: SamplingParams, ids: "torch.Tensor | None" = None, prompt: int = 0) -> int:
    from qwen_chat.model.hf.sampling import processors

    chain = processors(params, VOCABULARY, prompt)
    return int(chain(nothing() if ids is None else ids, scores()).argmax())  # type: ignore[arg-type]


def shares(params: SamplingParams, draws: int = 4000) -> list[float]:
    from qwen_chat.model.hf.sampling import processors

    chain = processors(params, VOCABULARY, 0)
    drawn = [int(chain(nothing(), scores()).argmax()) for _ in range(draws)]  # type: ignore[arg-type]
    return [drawn.count(token) / draws for token in range(VOCABULARY)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_with_the_probability_of_the_softmax(temperature: float) -> None:
    import torch

    wanted = torch.softmax(scores()[0, :VOCABULARY] / temperature, -1).tolist()
    assert shares(SamplingParams(temperature=temperature, seed=1)) == pytest.approx(wanted, abs=0.03)


def test_ids_beyond_the_vocabulary_are_never_drawn() -> None:
    assert draw(SamplingParams(temperature=0)) == 0
    assert all(draw(SamplingParams(temperature=5, seed=seed)) < VOCABULARY for seed in range(200))


@pytest.mark.parametrize(
    ("params", "possible"),
    [
        (SamplingParams(top_k=2), {0, 1}),
        (SamplingParams(top_p=0.5), {0}),
        (SamplingParams(min_p=0.3), {0, 1}),
        (SamplingParams(top_k=0, top_p=1, min_p=0), {0, 1, 2, 3}),
    ],
)
def test_unlikely_tokens_are_left_out(params: SamplingParams, possible: set[int]) -> None:
    found = {draw(SamplingParams(temperature=1, seed=seed).over(params)) for seed in range(300)}
    assert found == possible


def test_a_seed_gives_the_same_tokens_whatever_else_is_drawn() -> None:
    import torch

    from qwen_chat.model.hf.sampling import processors

    def tokens(disturb: int) -> list[int]:
        chain = processors(SamplingParams(temperature=3, seed=7), VOCABULARY, 0)
        drawn = []
        for _ in range(50):
            torch.rand(disturb)
            drawn.append(int(chain(nothing(), scores()).argmax()))  # type: ignore[arg-type]
        return drawn

    assert tokens(1) == tokens(5)
    assert len({tuple(tokens(1)), tuple(_other_seed())}) == 2


def _other_seed() -> list[int]:
    from qwen_chat.model.hf.sampling import processors

    chain = processors(SamplingParams(temperature=3, seed=8), VOCABULARY, 0)
    return [int(chain(nothing(), scores()).argmax()) for _ in range(50)]  # type: ignore[arg-type]


def test_penalties_look_at_the_answer_alone_and_repetition_at_the_prompt_too() -> None:
    import torch

    ids = torch.tensor([[0, 0, 1]])
    greedy = SamplingParams(temperature=0)
    assert draw(SamplingParams(presence_penalty=2).over(greedy), ids, prompt=0) == 0  # 2-2, 1-2, 0
    assert draw(SamplingParams(frequency_penalty=1.5).over(greedy), ids, prompt=0) == 2
    assert draw(SamplingParams(frequency_penalty=1.5).over(greedy), ids, prompt=2) == 0
    assert draw(SamplingParams(repetition_penalty=10).over(greedy), ids, prompt=3) == 0
