"""Generates answers to many prompts in one batch, padded on the left; each row has its own parameters.

transformers' continuous batching (`generate_batch`) was measured as the alternative: 17.9 tokens/s against
60.6 here on one core, 26.6 against 71.1 on two (eight prompts, 48 tokens each, float32, 135M weights). It
also reads prompts beyond a first-generation checkpoint's trained length wrongly, since packed rows have no
prompt length of their own.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from qwen_chat.errors import ModelError
from qwen_chat.message import FinishReason, Usage
from qwen_chat.model.base import CompletedAnswer
from qwen_chat.model.hf.cache_kinds import new_cache
from qwen_chat.model.hf.detokenizer import Detokenizer
from qwen_chat.model.hf.engine_state import EngineState
from qwen_chat.model.hf.generation import as_answer_error
from qwen_chat.model.hf.sampling import processors
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.sampling import SamplingParams


@dataclass(slots=True)
class BatchRow:
    """One prompt of a batch, and its answer so far."""

    prompt: Sequence[int]
    params: SamplingParams
    splitter: ReasoningSplitter
    text: Detokenizer
    limit: int
    pieces: list[str] = field(default_factory=list)
    tokens: int = 0
    ended: FinishReason | None = None


def new_row(
    engine: EngineState, prompt: Sequence[int], splitter: ReasoningSplitter, params: SamplingParams
) -> BatchRow:
    """Return a row without any answer yet."""
    room = engine.context_length - len(prompt)
    limit = min(params.max_new_tokens or room, room)
    return BatchRow(
        prompt, params, splitter, Detokenizer(engine.tokenizer, params.stop or (), marks=engine.marks), limit
    )


def generate_batch(
    engine: EngineState, rows: Mapping[int, BatchRow], cancel: Event
) -> dict[int, CompletedAnswer | ModelError]:
    """Return the answers of a batch by row number; after an error, the batch is tried again in halves."""
    if not rows:
        return {}
    try:
        return dict(zip(rows, _generate_together(engine, list(rows.values()), cancel), strict=True))
    except Exception as error:  # noqa: BLE001 - whatever fails is an error of its rows
        engine.prefixes.clear()
        if len(rows) == 1:
            return dict.fromkeys(rows, as_answer_error(error))
    numbers, half = list(rows), len(rows) // 2
    found: dict[int, CompletedAnswer | ModelError] = {}
    for part in (numbers[:half], numbers[half:]):
        again = {number: _restart(engine, rows[number]) for number in part}
        found |= generate_batch(engine, again, cancel)
    return found


def _restart(engine: EngineState, each: BatchRow) -> BatchRow:
    """Return a new row for the same prompt; its splitter is used only at the end, so it is still fresh."""
    return new_row(engine, each.prompt, each.splitter, each.params)


def _generate_together(engine: EngineState, rows: Sequence[BatchRow], cancel: Event) -> list[CompletedAnswer]:
    """Generate all rows at once: each step gives one token to every row that has not ended."""
    model: Any = engine.decoder.model
    device = torch.device("cpu") if model.device.type == "meta" else model.device
    pad = min(engine.ends, default=0)
    ids, mask = _pad_left(rows, pad)
    steps = _BatchProgress(engine, rows, cancel)
    started = time.monotonic()
    options: dict[str, Any] = {
        "attention_mask": mask.to(device),
        "generation_config": GenerationConfig(
            max_new_tokens=max(each.limit for each in rows),
            do_sample=False,
            eos_token_id=None,
            pad_token_id=pad,
        ),
        "logits_processor": LogitsProcessorList([_PerRowSampling(engine, rows, ids.shape[1])]),
        "stopping_criteria": StoppingCriteriaList([steps]),
    }
    if engine.kv_cache is not None:
        options["past_key_values"] = new_cache(model.config, engine.kv_cache, None)
    model.generate(ids.to(device), **options)
    return [_to_answer(each, started, steps.first or started) for each in rows]


def _pad_left(rows: Sequence[BatchRow], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the prompts' ids and the attention mask, both [rows, longest prompt]."""
    width = max(len(each.prompt) for each in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for number, each in enumerate(rows):
        ids[number, width - len(each.prompt) :] = torch.tensor(each.prompt)
        mask[number, width - len(each.prompt) :] = 1
    return ids, mask


class _PerRowSampling(LogitsProcessor):
    """Samples each row with its own parameters and seed, so that its text is the same as alone."""

    def __init__(self, engine: EngineState, rows: Sequence[BatchRow], width: int) -> None:
        self._chains = [processors(each.params, engine.vocabulary, len(each.prompt)) for each in rows]
        self._starts = [width - len(each.prompt) for each in rows]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return the scores, shaped [rows, vocabulary]."""
        chosen = [
            chain(input_ids[n : n + 1, start:], scores[n : n + 1])  # type: ignore[arg-type]
            for n, (chain, start) in enumerate(zip(self._chains, self._starts, strict=True))
        ]
        together: torch.FloatTensor = torch.cat(chosen)  # type: ignore[assignment]
        return together


class _BatchProgress(StoppingCriteria):
    """Collects each step's tokens, and reports which rows have ended."""

    def __init__(self, engine: EngineState, rows: Sequence[BatchRow], cancel: Event) -> None:
        self._ends = engine.ends
        self._rows = rows
        self._cancel = cancel
        self.first: float | None = None

    def __call__(
        self,
        input_ids: torch.LongTensor,
        scores: torch.FloatTensor,  # noqa: ARG002
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> torch.BoolTensor:
        """Return whether each row has ended, shaped [rows]."""
        self.first = self.first or time.monotonic()
        for each, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
            if each.ended is None:
                self._take(each, token)
        ended = [each.ended is not None for each in self._rows]
        flags: torch.BoolTensor = torch.tensor(ended, device=input_ids.device)  # type: ignore[assignment]
        return flags

    def _take(self, each: BatchRow, token: int) -> None:
        each.tokens += 1
        if token in self._ends:
            each.ended = "stop"
            return
        each.pieces.append(each.text.feed([token]))
        if each.text.stopped:
            each.ended = "stop"
        elif each.tokens >= each.limit:
            each.ended = "length" if each.limit == each.params.max_new_tokens else "context"
        elif self._cancel.is_set():
            each.ended = "interrupted"


def _to_answer(each: BatchRow, started: float, first: float) -> CompletedAnswer:
    written = "".join(each.pieces) + each.text.flush()
    parts = [*each.splitter.feed(written), *each.splitter.flush()]
    text, reasoning = ("".join(part[side] for part in parts) for side in (0, 1))
    usage = Usage(len(each.prompt), 0, each.tokens, first - started, time.monotonic() - first)
    return CompletedAnswer(text, reasoning, each.ended or "interrupted", usage)
