"""The ChatModel for safetensors checkpoints on torch."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event

import torch

from qwen_chat.errors import (
    ContextLengthError,
    ModelError,
    PromptRefusedError,
    model_errors,
)
from qwen_chat.message import Alternative, Message, Token
from qwen_chat.model.alternatives import build_alternatives, take_prefix
from qwen_chat.model.base import (
    PLAIN,
    BatchingModel,
    BatchRequest,
    Cancel,
    Chat,
    CompletedAnswer,
    Deltas,
    LoadedModel,
    PromptOptions,
    TokenizingModel,
)
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.formats.generation_config import default_params
from qwen_chat.model.hf import batching
from qwen_chat.model.hf.engine_state import EngineState, build_engine_state, make_candidates
from qwen_chat.model.hf.generation import Generation, as_answer_error, likeliest_tokens
from qwen_chat.model.hf.loading import load_checkpoint
from qwen_chat.model.hf.long_context import choose_context
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.hf.prompt import CheckpointPrompt, chat_templates
from qwen_chat.model.prompt import PreparedPrompt, announce, local_capabilities, prepare_prompt
from qwen_chat.model.templates.template import used_text
from qwen_chat.model.token_cache import TokenCache
from qwen_chat.model.tool_calls import split_tool_calls
from qwen_chat.sampling import SamplingParams

_FIRST_GENERATION = "qwen"
"""The model type of first-generation Qwen; later types have numbers, such as qwen2."""


class TransformersModel(LoadedModel):
    """A checkpoint on torch; concurrent answers take turns, one decoding step each.

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
        self.context_length = choose_context(info, options)
        self.default_params = default_params(info.generation)
        with ExitStack() as stack:
            loaded = load_checkpoint(info, options, stack)
            first = info.model_type == _FIRST_GENERATION
            self._prompt = CheckpointPrompt(loaded.tokenizer, first_generation=first, raw=options.raw)
            candidates = make_candidates(loaded, options, draft, stack, self.context_length)
            state = build_engine_state(loaded, info, options, self.context_length, candidates)
            self._engine: EngineState | None = replace(state, marks=self._prompt.mark_tokens())
            self._stack = stack.pop_all()
        self.notice = loaded.description
        template = used_text(chat_templates(loaded.tokenizer))
        self.capabilities = local_capabilities(template, raw=options.raw, batching=True)
        self.default_system = self._prompt.default_system

    @model_errors(as_answer_error)
    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the answer to the last message, new text only, or continue a final assistant message.

        Raises: ContextLengthError, ModelError.
        """
        prepared = prepare_prompt(self._prompt, messages, options, marks=self._prompt.marks)
        before = self._partial_ids(prepared)
        params = params.over(self.default_params)
        generation = Generation(self._open_engine(), self._prompt_ids(prepared, before), params, before)
        stream = self._token_cache.record_stream(
            generation.stream(cancel or Event(), prepared.splitter),
            prepared.partial_answer,
            prepared.splitter,
            lambda: [*before, *generation.token_ids()],
        )
        return announce(prepared.notices, split_tool_calls(stream, options.tools))

    @model_errors(as_answer_error)
    def answer(
        self, requests: Sequence[BatchRequest], *, cancel: Cancel = None
    ) -> list[CompletedAnswer | ModelError]:
        """Return an answer or an error for each request; all answers are generated in one batch."""
        cancel, found = cancel or Event(), dict[int, CompletedAnswer | ModelError]()
        rows: dict[int, batching.BatchRow] = {}
        for number, request in enumerate(requests):
            try:
                rows[number] = self._new_row(request)
            except ModelError as error:
                found[number] = error
        with self._open_engine().lock:
            found |= batching.generate_batch(self._open_engine(), rows, cancel)
        return [found[number] for number in range(len(requests))]

    @model_errors(as_answer_error)
    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return the exact prompt tokens of `stream`."""
        prepared = prepare_prompt(self._prompt, messages, options, marks=self._prompt.marks)
        return [
            *self._prompt.tokens(prepared.segments),
            *map(self._prompt.token, self._partial_ids(prepared)),
        ]

    @model_errors(as_answer_error)
    def count(self, messages: Sequence[Message]) -> int:
        """Return the number of prompt tokens of `stream`; segments counted before are cached."""
        prepared = prepare_prompt(self._prompt, messages, marks=self._prompt.marks)
        return len(self._prompt.ids(prepared.segments)) + len(self._partial_ids(prepared))

    @model_errors(as_answer_error)
    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a position of the answer that ends the messages.

        Raises: UsageError, ModelError.
        """
        prepared = prepare_prompt(self._prompt, messages, options, marks=self._prompt.marks)
        kept = take_prefix(self._partial_ids(prepared), position)
        prompt = [*self._prompt.ids(prepared.segments), *kept]
        choices = [
            (self._prompt.token(id), probability)
            for id, probability in likeliest_tokens(self._open_engine(), prompt, len(kept), number)
        ]
        return build_alternatives(choices, [*map(self._prompt.token, kept)], prepared, self._token_cache)

    @model_errors(as_answer_error)
    def close(self) -> None:
        """Release the model's memory."""
        self._engine = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._stack.close()

    def _open_engine(self) -> EngineState:
        if self._engine is None:
            raise ModelError(f"{self.name} is closed")
        return self._engine

    def _partial_ids(self, prepared: PreparedPrompt) -> list[int]:
        """Return the token ids of the partial answer to continue."""
        if prepared.partial_answer is None:
            return []
        known = self._token_cache.lookup(prepared.partial_answer)
        return self._prompt.ids(prepared.partial_segments) if known is None else known

    def _prompt_ids(self, prepared: PreparedPrompt, before: Sequence[int]) -> list[int]:
        """Return the ids of the whole prompt, checked to be neither empty nor too long."""
        prompt = [*self._prompt.ids(prepared.segments), *before]
        if len(prompt) >= self.context_length:
            raise ContextLengthError(len(prompt), self.context_length)
        if not prompt:
            raise PromptRefusedError("there is nothing to go on from: write something")
        return prompt

    def _new_row(self, request: BatchRequest) -> batching.BatchRow:
        prepared = prepare_prompt(self._prompt, request.messages, request.options, marks=self._prompt.marks)
        prompt = self._prompt_ids(prepared, self._partial_ids(prepared))
        return batching.new_row(
            self._open_engine(), prompt, prepared.splitter, request.params.over(self.default_params)
        )


def _conforms(model: TransformersModel) -> TokenizingModel:
    return model


def _batches(model: TransformersModel) -> BatchingModel:
    return model
