"""Turns sampling parameters into transformers' logits processors, the last of which samples the token.

The last one adds noise of Gumbel's distribution, so that the argmax is a sample of the softmax (Gumbel,
1954). Each answer has its own random generator, so that concurrent answers do not disturb each other's seeds.
"""

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from qwen_chat.sampling import SamplingParams

_RANDOM_BITS = 2**63


class VocabularyLimit(LogitsProcessor):
    """Forbids ids beyond the tokenizer's vocabulary, which exist where embeddings are padded."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # noqa: ARG002
        """Return the scores, shaped [batch, vocabulary]."""
        scores[:, self._size :] = -torch.inf
        return scores


class OccurrencePenalty(LogitsProcessor):
    """Applies the presence and frequency penalties to tokens of the answer, as OpenAI's API defines them."""

    def __init__(self, prompt_length: int, presence: float, frequency: float) -> None:
        self._prompt_length = prompt_length
        self._presence, self._frequency = presence, frequency

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return the scores, shaped [batch, vocabulary]."""
        answer = input_ids[:, self._prompt_length :]
        counts = torch.zeros_like(scores).scatter_add_(1, answer, torch.ones_like(answer, dtype=scores.dtype))
        penalized: torch.FloatTensor = scores - self._presence * (counts > 0) - self._frequency * counts  # type: ignore[assignment]
        return penalized


class GumbelNoise(LogitsProcessor):
    """Adds noise under which the likeliest token is a sample of the distribution."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed if seed is not None else int(torch.randint(_RANDOM_BITS - 1, ()))
        self._generator: torch.Generator | None = None

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # noqa: ARG002
        """Return the scores, shaped [batch, vocabulary]."""
        if self._generator is None:
            self._generator = torch.Generator(scores.device).manual_seed(self._seed)
        noise = torch.empty_like(scores).exponential_(generator=self._generator)
        drawn: torch.FloatTensor = scores - noise.log_()  # type: ignore[assignment]
        return drawn


def processors(params: SamplingParams, vocabulary: int, prompt_length: int) -> LogitsProcessorList:
    """Return the processors that turn raw scores into scores whose argmax is the next token."""
    chain: list[LogitsProcessor] = [VocabularyLimit(vocabulary)]
    if params.repetition_penalty not in (None, 1.0):
        chain.append(RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    if params.presence_penalty or params.frequency_penalty:
        presence, frequency = params.presence_penalty or 0.0, params.frequency_penalty or 0.0
        chain.append(OccurrencePenalty(prompt_length, presence, frequency))
    if params.temperature != 0:
        chain += [*_warpers(params), GumbelNoise(params.seed)]
    return LogitsProcessorList(chain)


def _warpers(params: SamplingParams) -> list[LogitsProcessor]:
    chain: list[LogitsProcessor] = []
    if params.temperature not in (None, 1.0):
        chain.append(TemperatureLogitsWarper(params.temperature))
    if params.top_k:
        chain.append(TopKLogitsWarper(params.top_k))
    if params.top_p is not None and params.top_p < 1:
        chain.append(TopPLogitsWarper(params.top_p))
    if params.min_p:
        chain.append(MinPLogitsWarper(params.min_p))
    return chain
