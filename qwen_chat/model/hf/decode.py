"""Decodes one answer: reads the prompt in chunks, then yields one token or more at each step.

The decoder is a plain generator: between two events it can be closed, or the model used for another answer.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol, runtime_checkable

import torch
from transformers import LogitsProcessorList, PreTrainedModel
from transformers.cache_utils import Cache

from qwen_chat.message import Prefill

Candidates = Callable[[torch.Tensor], torch.Tensor]
"""Proposes the next tokens of a text: ids [1, n] -> ids [1, n + guesses]."""


@runtime_checkable
class ScalesPositions(Protocol):
    """A model whose rotary positions are scaled by the length of the prompt: first-generation Qwen."""

    def rope_alpha(self, prompt_tokens: int) -> float:
        """Return the scale for a prompt of this length."""

    def begin_cache(self, cache: Cache, prompt_tokens: int) -> None:
        """Set the scale of a cache before its first token is read."""


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """The input of a decoding run: the prompt and its cache, how to choose tokens, and where to end.

    The first `known` tokens of the prompt are in the cache, the last `begun` already belong to the answer;
    `limit` is the maximum of new tokens.
    """

    prompt: Sequence[int]
    cache: Cache
    known: int
    choose: LogitsProcessorList
    ends: frozenset[int]
    limit: int
    begun: int = 0


class Decoder:
    """Decodes answers with one model; it reads `chunk` tokens of a prompt at a time."""

    def __init__(self, model: PreTrainedModel, chunk: int, *, compiled: bool = False) -> None:
        self.model = model
        self._chunk = chunk
        self._step: Callable[..., Any] = torch.compile(model.forward, dynamic=True) if compiled else model
        self._keeps = "logits_to_keep" in signature(model.forward).parameters
        # Weights offloaded to a disk are on the meta device; their inputs must be on the CPU.
        self._device = torch.device("cpu") if model.device.type == "meta" else model.device

    def decode(self, task: DecodeTask, candidates: Candidates | None = None) -> Iterator[Prefill | list[int]]:
        """Yield the progress of the prefill, then the new tokens, including an end token."""
        ids = torch.empty((1, len(task.prompt) + task.limit), dtype=torch.long, device=self._device)
        length = len(task.prompt)
        ids[0, :length] = torch.tensor(task.prompt)
        logits = yield from self._prefill(ids[:, :length], task.cache, task.known, task.begun)
        guesses = ids[:, :0]
        last = length + task.limit
        while True:
            tokens = self._choose_tokens(ids, length, logits, guesses, task)
            length += len(tokens)
            yield tokens
            if tokens[-1] in task.ends or length >= last:
                return
            guesses = self._guess(candidates, ids[:, :length], last)
            known = task.cache.get_seq_length()
            ids[:, length : length + guesses.shape[1]] = guesses
            behind = ids[:, known : length + guesses.shape[1]]
            logits = self._forward(self._step, behind, task.cache, guesses.shape[1] + 1)

    def next_token_scores(self, prompt: Sequence[int], cache: Cache, known: int, begun: int) -> torch.Tensor:
        """Read the new part of a prompt, and return the scores of the next token, [vocabulary]."""
        reading = self._prefill(torch.tensor([prompt], device=self._device), cache, known, begun)
        while True:
            try:
                next(reading)
            except StopIteration as done:
                scores: torch.Tensor = done.value[0, -1].float()
                return scores

    def _prefill(
        self, prompt: torch.Tensor, cache: Cache, known: int, begun: int
    ) -> Generator[Prefill, None, torch.Tensor]:
        """Read the new part of the prompt, and return the scores of the next token, [1, 1, vocabulary]."""
        total = prompt.shape[1]
        if isinstance(self.model, ScalesPositions) and not known:
            self.model.begin_cache(cache, total - begun)
        for start in range(known, total, self._chunk):
            chunk = prompt[:, start : start + self._chunk]
            yield Prefill(start, total)
            logits = self._forward(self.model, chunk, cache, 1)
        yield Prefill(total, total)
        return logits

    @torch.inference_mode()
    def _forward(
        self, forward: Callable[..., Any], ids: torch.Tensor, cache: Cache, keep: int
    ) -> torch.Tensor:
        """Read ids that follow the cached ones, and return the scores after the last `keep` of them."""
        options = {"logits_to_keep": keep} if self._keeps else {}
        logits: torch.Tensor = forward(input_ids=ids, past_key_values=cache, use_cache=True, **options).logits
        return logits[:, -keep:]

    @staticmethod
    @torch.inference_mode()
    def _choose_tokens(
        ids: torch.Tensor, length: int, logits: torch.Tensor, guesses: torch.Tensor, task: DecodeTask
    ) -> list[int]:
        """Choose the next token, and more while they match the guesses; crop the wrong guesses."""
        tokens: list[int] = []
        for scores in logits.unbind(1):
            chosen: torch.Tensor = task.choose(ids[:, : length + len(tokens)], scores.float())  # type: ignore[arg-type]
            token = int(chosen.argmax(-1))
            ids[0, length + len(tokens)] = token
            tokens.append(token)
            at = len(tokens) - 1
            if token in task.ends or at >= guesses.shape[1] or token != int(guesses[0, at]):
                break
        if surplus := guesses.shape[1] - (len(tokens) - 1):
            task.cache.crop(-surplus)
        return tokens

    @staticmethod
    def _guess(candidates: Candidates | None, ids: torch.Tensor, last: int) -> torch.Tensor:
        if candidates is None:
            return ids[:, :0]
        return candidates(ids)[:, ids.shape[1] : last - 1]
