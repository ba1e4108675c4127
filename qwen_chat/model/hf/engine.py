"""A safetensors checkpoint behind the wall: messages in, deltas out."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event

import torch
from transformers import PreTrainedModel

from qwen_chat.errors import ContextLengthError, ModelError, ModelLoadError, model_errors
from qwen_chat.message import Alternative, Delta, Message, Token
from qwen_chat.model.alternatives import build_alternatives, take_prefix
from qwen_chat.model.base import (
    PLAIN,
    BatchingModel,
    BatchRequest,
    CompletedAnswer,
    LoadedModel,
    PromptOptions,
    TokenizingModel,
)
from qwen_chat.model.chatml import IM_END
from qwen_chat.model.formats import generation_config as defaults
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.hf import batching
from qwen_chat.model.hf import cache_kinds as caches
from qwen_chat.model.hf.decode import Candidates, Decoder, ScalesPositions
from qwen_chat.model.hf.fair_lock import FairLock
from qwen_chat.model.hf.generation import EngineState, Generation, as_answer_error, likeliest_tokens
from qwen_chat.model.hf.loading import LoadedCheckpoint, load_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.hf.prefix_cache import PrefixCache
from qwen_chat.model.hf.prompt import CheckpointPrompt
from qwen_chat.model.hf.speculation import draft_model, prompt_lookup
from qwen_chat.model.prompt import PreparedPrompt, local_capabilities, prepare_prompt
from qwen_chat.model.qwen1.prompt import stop_ids
from qwen_chat.model.qwen1.tokenization import QWenTokenizer
from qwen_chat.model.token_cache import TokenCache
from qwen_chat.sampling import SamplingParams

_FIRST_GENERATION = "qwen"
"""The model type of the first generation; later ones have numbers."""

_CPU_CHUNK, _GPU_CHUNK = 128, 2048
"""Prompt tokens read between two looks at `cancel`."""


class TransformersModel(LoadedModel):
    """A checkpoint on torch; answers asked for at once are written by turns, a step each.

    Raises: ModelLoadError, MissingExtraError when the checkpoint cannot be opened.
    """

    def __init__(
        self,
        info: CheckpointInfo,
        name: str,
        options: TransformersOptions | None = None,
        *,
        draft: CheckpointInfo | None = None,
    ) -> None:
        self.name = name
        self.checkpoint = info.folder
        options = options or TransformersOptions()
        self._token_cache = TokenCache()
        self.context_length = _context(info, options)
        self.default_params = defaults.default_params(info.generation)
        with ExitStack() as stack:
            loaded = load_checkpoint(info, options, stack)
            first = info.model_type == _FIRST_GENERATION
            self._prompt = CheckpointPrompt(loaded.tokenizer, first_generation=first, raw=options.raw)
            candidates = _candidates(loaded, options, draft, stack, self.context_length)
            self._engine: EngineState | None = _engine(loaded, info, options, self.context_length, candidates)
            self._stack = stack.pop_all()
        self.notice = loaded.description
        template = loaded.tokenizer.chat_template if isinstance(loaded.tokenizer.chat_template, str) else None
        self.capabilities = local_capabilities(template, raw=options.raw, batching=True)
        self._thinks = self._prompt.thinks
        self.default_system = self._prompt.default_system

    @model_errors(as_answer_error)
    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        options: PromptOptions = PLAIN,
        *,
        cancel: Event | None = None,
    ) -> Generator[Delta, None, None]:
        """Yield the answer to the last message, new text only; an assistant's last message is gone on with.

        Raises: ContextLengthError, ModelError.
        """
        asked = prepare_prompt(self._prompt, messages, options, thinks=self._thinks)
        before = self._before(asked)
        params = params.over(self.default_params)
        generation = Generation(self._open_engine(), self._checked(asked, before), params, before)
        return self._token_cache.record_stream(
            generation.stream(cancel or Event(), asked.splitter),
            asked.partial_answer,
            asked.splitter,
            lambda: [*before, *generation.token_ids()],
        )

    @model_errors(as_answer_error)
    def answer(
        self, requests: Sequence[BatchRequest], *, cancel: Event | None = None
    ) -> list[CompletedAnswer | ModelError]:
        """Return an answer or a fault for each request, all of them written together."""
        cancel, found = cancel or Event(), dict[int, CompletedAnswer | ModelError]()
        rows: dict[int, batching.BatchRow] = {}
        for number, request in enumerate(requests):
            try:
                rows[number] = self._row(request)
            except ModelError as error:
                found[number] = error
        with self._open_engine().lock:
            found |= batching.generate_batch(self._open_engine(), rows, cancel)
        return [found[number] for number in range(len(requests))]

    @model_errors(as_answer_error)
    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        asked = prepare_prompt(self._prompt, messages, options, thinks=self._thinks)
        return [*self._prompt.tokens(asked.segments), *map(self._prompt.token, self._before(asked))]

    @model_errors(as_answer_error)
    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; what was counted before costs nothing."""
        asked = prepare_prompt(self._prompt, messages, thinks=self._thinks)
        return len(self._prompt.ids(asked.segments)) + len(self._before(asked))

    @model_errors(as_answer_error)
    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a place of the answer that the messages end with.

        Raises: UsageError, ModelError.
        """
        asked = prepare_prompt(self._prompt, messages, options, thinks=self._thinks)
        kept = take_prefix(self._before(asked), position)
        prompt = [*self._prompt.ids(asked.segments), *kept]
        choices = [
            (self._prompt.token(id), probability)
            for id, probability in likeliest_tokens(self._open_engine(), prompt, len(kept), number)
        ]
        return build_alternatives(choices, [*map(self._prompt.token, kept)], asked, self._token_cache)

    @model_errors(as_answer_error)
    def close(self) -> None:
        """Give back memory."""
        self._engine = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._stack.close()

    def _open_engine(self) -> EngineState:
        if self._engine is None:
            raise ModelError(f"{self.name} is closed")
        return self._engine

    def _before(self, asked: PreparedPrompt) -> list[int]:
        """Return the ids of the answer that is gone on with."""
        if asked.partial_answer is None:
            return []
        known = self._token_cache.lookup(asked.partial_answer)
        return self._prompt.ids(asked.partial_segments) if known is None else known

    def _checked(self, asked: PreparedPrompt, before: Sequence[int]) -> list[int]:
        """Return the ids of a prompt that can be read."""
        prompt = [*self._prompt.ids(asked.segments), *before]
        if len(prompt) >= self.context_length:
            raise ContextLengthError(len(prompt), self.context_length)
        if not prompt:
            raise ModelError("there is nothing to go on from: write something")
        return prompt

    def _row(self, request: BatchRequest) -> batching.BatchRow:
        asked = prepare_prompt(self._prompt, request.messages, request.options, thinks=self._thinks)
        prompt = self._checked(asked, self._before(asked))
        return batching.new_row(
            self._open_engine(), prompt, asked.splitter, request.params.over(self.default_params)
        )


def _context(info: CheckpointInfo, options: TransformersOptions) -> int:
    longest = defaults.context_length(info.config, info.generation)
    if options.ctx_size and options.ctx_size > longest:
        raise ModelLoadError(
            f"--ctx-size {options.ctx_size}: this model was made for {longest}, use that or less"
        )
    return options.ctx_size or longest


def _engine(
    loaded: LoadedCheckpoint,
    info: CheckpointInfo,
    options: TransformersOptions,
    context: int,
    candidates: Callable[[], Candidates] | None,
) -> EngineState:
    model, tokenizer = loaded.model, loaded.tokenizer
    fixed = context if options.compile else None
    reading = _CPU_CHUNK if model.device.type == "cpu" else _GPU_CHUNK
    return EngineState(
        decoder=Decoder(model, reading, compiled=options.compile),
        prefixes=PrefixCache(
            lambda: caches.new_cache(model.config, options.kv_cache, fixed), options.cache_ram << 20
        ),
        lock=FairLock(),
        tokenizer=tokenizer.backend_tokenizer,
        vocabulary=len(tokenizer),
        ends=frozenset() if options.ignore_end else _ends(loaded, info),
        context_length=context,
        alpha=_alpha(model),
        candidates=candidates,
        kv_cache=options.kv_cache,
    )


def _candidates(
    loaded: LoadedCheckpoint,
    options: TransformersOptions,
    draft: CheckpointInfo | None,
    stack: ExitStack,
    context: int,
) -> Callable[[], Candidates] | None:
    if draft is None:
        return prompt_lookup(options.prompt_lookup, context) if options.prompt_lookup else None
    small = load_checkpoint(draft, replace(options, quantize=None), stack)
    if small.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
        raise ModelLoadError(
            f"--draft {draft.folder} has another vocabulary: name a smaller model of the same family"
        )
    return draft_model(small.model)


def _ends(loaded: LoadedCheckpoint, info: CheckpointInfo) -> frozenset[int]:
    tokenizer = loaded.tokenizer
    known = {token.content: id for id, token in tokenizer.added_tokens_decoder.items()}
    named = info.generation.get("eos_token_id"), info.config.get("eos_token_id"), tokenizer.eos_token_id
    first = stop_ids(tokenizer) if isinstance(tokenizer, QWenTokenizer) else ()
    return defaults.end_ids(*named, known.get(IM_END), first)


def _alpha(model: PreTrainedModel) -> Callable[[int], float]:
    return model.rope_alpha if isinstance(model, ScalesPositions) else lambda _: 1.0


def _conforms(model: TransformersModel) -> TokenizingModel:
    return model


def _batches(model: TransformersModel) -> BatchingModel:
    return model
