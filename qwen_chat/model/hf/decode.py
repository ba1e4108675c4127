"""One answer, token by token: the prompt is read in chunks, then each step gives one token or more.

A plain generator: between any two events it can be closed, or the model lent to another answer.
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
"""Guesses how a text goes on: ids [1, n] -> ids [1, n + guesses]."""


@runtime_checkable
class ScalesPositions(Protocol):
    """A model whose rotary positions are scaled by the length of the prompt: first-generation Qwen."""

    def rope_alpha(self, prompt_tokens: int) -> float:
        """Return the scale that a prompt of this length gets."""

    def begin_cache(self, cache: Cache, prompt_tokens: int) -> None:
        """Fix the scale of a cache before its first token is read."""


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """What is to be written: after which prompt, how tokens are chosen, and where the answer ends.

    The first `known` tokens of the prompt are in the cache, the last `begun` are of the answer already;
    `limit` is how much longer it may become, in tokens.
    """

    prompt: Sequence[int]
    cache: Cache
    known: int
    choose: LogitsProcessorList
    ends: frozenset[int]
    limit: int
    begun: int = 0


class Decoder:
    """Writes answers with one model; `chunk` tokens of a prompt are read at a time."""

    def __init__(self, model: PreTrainedModel, chunk: int, *, compiled: bool = False) -> None:
        self.model = model
        self._chunk = chunk
        self._step: Callable[..., Any] = torch.compile(model.forward, dynamic=True) if compiled else model
        self._keeps = "logits_to_keep" in signature(model.forward).parameters
        # What is offloaded to a disk lies nowhere; its inputs are taken from the CPU.
        self._device = torch.device("cpu") if model.device.type == "meta" else model.device

    def decode(self, task: DecodeTask, candidates: Candidates | None = None) -> Iterator[Prefill | list[int]]:
        """Yield how far the prompt is read, then the new tokens, an end token included."""
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
        """Read what is new of a prompt, and return the scores of the token after it, [vocabulary]."""
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
        """Read what is new of the prompt, and return the scores of the token after it, [1, 1, vocabulary]."""
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
        """Read ids behind what is cached, and return the scores after the last `keep` of them."""
        options = {"logits_to_keep": keep} if self._keeps else {}
        logits: torch.Tensor = forward(input_ids=ids, past_key_values=cache, use_cache=True, **options).logits
        return logits[:, -keep:]

    @staticmethod
    @torch.inference_mode()
    def _choose_tokens(
        ids: torch.Tensor, length: int, logits: torch.Tensor, guesses: torch.Tensor, task: DecodeTask
    ) -> list[int]:
        """Choose the next token, and those after it while they were guessed; forget the wrong guesses."""
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
