"""Proposes next tokens of an answer, which the model checks several at a time; the text stays the same.

Sources: prompt lookup (Saxena, 2023), speculative decoding (Leviathan et al., 2023).
"""

from collections.abc import Callable

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

from qwen_chat.model.hf.decode import Candidates

_NGRAM = 3
_DRAFT_TOKENS = 4
_CHUNK = 512


def prompt_lookup(guesses: int, context_length: int) -> Callable[[], Candidates]:
    """Return a factory of candidates for one answer, which are copied from the conversation's own text."""
    generator = PromptLookupCandidateGenerator(
        num_output_tokens=guesses, max_matching_ngram_size=_NGRAM, max_length=context_length
    )
    return lambda: lambda ids: generator.get_candidates(ids)[0]  # type: ignore[arg-type]


def draft_model(model: PreTrainedModel) -> Callable[[], Candidates]:
    """Return a factory of candidates for one answer, from a smaller model with the same vocabulary."""
    return lambda: _DraftModel(model)


class _DraftModel:
    """Decodes greedily after the accepted text; its cache keeps the accepted tokens."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._cache = DynamicCache(config=model.config.get_text_config(decoder=True))
        self._read = torch.empty((1, 0), dtype=torch.long)
        self._accepted = 0

    @torch.no_grad()
    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        """Return ids [1, n] with the guesses appended."""
        device, ids = ids.device, ids.to(self._model.device)
        self._forget_rejected(ids)
        for _ in range(_DRAFT_TOKENS):
            token = self._scores(ids[:, self._cache.get_seq_length() :]).argmax(-1)
            ids = torch.cat([ids, token], dim=1)
        self._read = ids[:, :-1]
        return ids.to(device)

    def _forget_rejected(self, ids: torch.Tensor) -> None:
        known = min(self._read.shape[1], ids.shape[1] - 1)
        wrong = (self._read[0, self._accepted : known] != ids[0, self._accepted : known]).nonzero()
        agreed = self._accepted + int(wrong[0]) if len(wrong) else known
        if surplus := self._read.shape[1] - agreed:
            self._cache.crop(-surplus)
        self._accepted = min(agreed, ids.shape[1] - 1)

    def _scores(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the scores of the next token, shaped [1, 1, vocabulary]."""
        for chunk in ids.split(_CHUNK, dim=1):
            logits: torch.Tensor = self._model(
                input_ids=chunk, past_key_values=self._cache, use_cache=True, logits_to_keep=1
            ).logits
        return logits[:, -1:]
