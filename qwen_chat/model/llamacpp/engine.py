"""A chat model from a GGUF checkpoint.

The engine gets token ids only. Control tokens are placed by id, and text is tokenized with control tokens
switched off, so nothing that a person, a role or a model wrote can become one.
"""

from collections.abc import Callable, Sequence
from math import exp
from pathlib import Path
from threading import Event

from qwen_chat.errors import (
    ContextLengthError,
    ModelLoadError,
    PromptRefusedError,
    UsageError,
    model_errors,
)
from qwen_chat.message import Alternative, Message, Token
from qwen_chat.model.alternatives import build_alternatives, take_prefix
from qwen_chat.model.base import (
    FREE,
    PLAIN,
    Cancel,
    Chat,
    CompletingModel,
    Deltas,
    LoadedModel,
    OutputOptions,
    PromptOptions,
    TokenizingModel,
)
from qwen_chat.model.chatml import IM_END, IM_START, Segment
from qwen_chat.model.formats.gguf import GgufInfo, read_info
from qwen_chat.model.grammar import whole_grammar
from qwen_chat.model.llamacpp.completion import Completion
from qwen_chat.model.llamacpp.engine_call import as_llamacpp_error, likeliest_tokens
from qwen_chat.model.llamacpp.http_client import LlamaHttpClient
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.llamacpp.sampling import checkpoint_params, output_request, sampling_request
from qwen_chat.model.llamacpp.server import LlamaServer
from qwen_chat.model.llamacpp.shared_context import SharedContext
from qwen_chat.model.llamacpp.template import gguf_template
from qwen_chat.model.llamacpp.tokenizer import LlamaTokenizer
from qwen_chat.model.prompt import (
    PreparedPrompt,
    PromptFormat,
    announce,
    local_capabilities,
    prepare_prompt,
)
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.reasoning_marks import marks_of_template, marks_of_vocabulary
from qwen_chat.model.templates.names import likely_names
from qwen_chat.model.templates.template import compile_in_background, used_text
from qwen_chat.model.token_cache import TokenCache
from qwen_chat.model.tool_calls import split_tool_calls
from qwen_chat.sampling import SamplingParams

CHATML_TOKENS = (IM_START, IM_END)
"""What a checkpoint without a chat template must know, so that its prompts can be ChatML."""


class LlamaCppModel(LoadedModel):
    """A GGUF checkpoint; it answers `parallel` requests at once, each reusing the longest known prefix.

    `report_progress` gets the share of the file that is read, from 0 to 1.

    Raises: ModelLoadError when the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        options: LlamaCppOptions | None = None,
        *,
        info: GgufInfo | None = None,
        default_params: SamplingParams | None = None,
        default_system: str | None = None,
        report_progress: Callable[[float], None] | None = None,
    ) -> None:
        self.name, self.checkpoint = name, path
        info, options = info or read_info(path), options or LlamaCppOptions()
        if not options.raw:
            compile_in_background(info.chat_templates)
        self._server = LlamaServer(path, name, info, options, report_progress)
        self._http = LlamaHttpClient(self._server)
        self._token_cache = TokenCache()
        self._ignore_end = options.ignore_end
        self.notice = str(options.scaling(info) or "")
        self.capabilities = local_capabilities(used_text(info.chat_templates), raw=options.raw, output=True)
        try:
            self._read_properties(default_params or SamplingParams())
            self._tokenizer = LlamaTokenizer(self._http)
            template = None if options.raw else gguf_template(info, path, self._http.props())
            if template is None and not options.raw and not all(map(self._tokenizer.knows, CHATML_TOKENS)):
                raise ModelLoadError(
                    f"{path} has no chat template, it is a base model: use --raw to have it go on with your "
                    "text, or name an instruct model"
                )
            marks = marks_of_template(used_text(info.chat_templates))
            self._marks = marks or marks_of_vocabulary(self._tokenizer.knows)
            self._format = PromptFormat(
                template,
                self._tokenizer.split_control,
                default_system,
                raw=options.raw,
                marks=self._marks,
            )
            small = "".join(segment.text for segment in self._format.small_prompt())
            self._tokenizer.guard(likely_names(used_text(info.chat_templates) + small))
        except BaseException:
            self._server.close()
            raise
        self.default_system = self._format.default_system

    @model_errors(as_llamacpp_error)
    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the answer to the last message, new text only; continue it if it is an assistant's.

        Raises: ContextLengthError, ModelError.
        """
        prompt = self._prepare(messages, options)
        partial = self._partial_ids(prompt)
        ids = [*self._prompt_ids(prompt), *partial]
        completion = self._completion(ids, params, options.output, prompt.splitter)
        stream = self._token_cache.record_stream(
            completion.stream(cancel or Event(), prompt.splitter),
            prompt.partial_answer,
            prompt.splitter,
            lambda: [*partial, *self._tokenizer.exact_ids(completion.texts)],
        )
        return announce(prompt.notices, split_tool_calls(stream, options.tools))

    @model_errors(as_llamacpp_error)
    def complete(
        self,
        prompt: str | Sequence[int],
        params: SamplingParams,
        output: OutputOptions = FREE,
        *,
        cancel: Cancel = None,
    ) -> Deltas:
        """Yield what follows a text, in which nothing is a control token, or token ids.

        Raises: ContextLengthError, ModelError; UsageError for an id that is no token of the model.
        """
        ids = self._text_ids(prompt) if isinstance(prompt, str) else self._check_ids(prompt)
        splitter = ReasoningSplitter("answer")
        return self._completion(ids, params, output, splitter).stream(cancel or Event(), splitter)

    @model_errors(as_llamacpp_error)
    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a text, in which nothing is a control token."""
        return self._tokenizer.segment_ids([Segment(text)])

    @model_errors(as_llamacpp_error)
    def detokenize(self, ids: Sequence[int]) -> bytes:
        """Return the text of ids.

        Raises: UsageError for an id that is no token of the model.
        """
        return b"".join(token.bytes for token in self._tokenizer.as_tokens(self._check_ids(ids)))

    @model_errors(as_llamacpp_error)
    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        prompt = self._prepare(messages, options)
        return [
            *self._tokenizer.prompt_tokens(prompt.segments),
            *self._tokenizer.as_tokens(self._partial_ids(prompt)),
        ]

    @model_errors(as_llamacpp_error)
    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; messages counted before are not tokenized again."""
        prompt = self._prepare(messages)
        return len(self._prompt_ids(prompt)) + len(self._partial_ids(prompt))

    @model_errors(as_llamacpp_error)
    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a position of the answer that the messages end with.

        Raises: UsageError, ModelError.
        """
        prompt = self._prepare(messages, options)
        prefix = take_prefix(self._partial_ids(prompt), position)
        found = self._likeliest([*self._prompt_ids(prompt), *prefix], number)
        return build_alternatives(found, self._tokenizer.as_tokens(prefix), prompt, self._token_cache)

    @model_errors(as_llamacpp_error)
    def close(self) -> None:
        """End the engine's process, with the answers under way; a second call does nothing."""
        self._server.close()

    def _read_properties(self, default_params: SamplingParams) -> None:
        generation = self._http.props()["default_generation_settings"]
        self.context_length: int = generation["n_ctx"]
        self._context = SharedContext(self.context_length)
        self._vocabulary_size = self._http.vocabulary_size()
        self.default_params = default_params.over(checkpoint_params(generation["params"]))

    def _likeliest(self, ids: Sequence[int], number: int) -> list[tuple[Token, float]]:
        with self._context.enter(len(ids)) as ticket:
            for _ in self._context.wait(ticket, None):
                """Requests that came earlier are answered first."""
            found = likeliest_tokens(self._server, ids, number)
        tokens = (
            Token(each["id"], bytes(each["bytes"]), self._tokenizer.is_control(each["id"])) for each in found
        )
        return [(token, exp(each["logprob"])) for token, each in zip(tokens, found, strict=True)]

    def _completion(
        self, ids: list[int], params: SamplingParams, output: OutputOptions, splitter: ReasoningSplitter
    ) -> Completion:
        """Return the call for an answer.

        Raises: ContextLengthError; PromptRefusedError for a prompt without a token.
        """
        if not ids:
            raise PromptRefusedError("there is nothing to go on from: write something")
        if len(ids) >= self.context_length:
            raise ContextLengthError(len(ids), self.context_length)
        request = {
            "prompt": ids,
            **sampling_request(params.over(self.default_params), self.context_length),
            **output_request(output, whole_grammar(output, splitter)),
            "ignore_eos": self._ignore_end,
            "preserved_tokens": list(self._marks.tokens) if self._marks else [],
        }
        exact_ids = self._tokenizer.exact_ids
        return Completion(self._server, request, self._context, exact_ids, output.top_logprobs)

    def _text_ids(self, text: str) -> list[int]:
        return [*self._tokenizer.start_ids, *self.tokenize(text)]

    def _check_ids(self, ids: Sequence[int]) -> list[int]:
        if unknown := next((id for id in ids if not 0 <= id < self._vocabulary_size), None):
            raise UsageError(f"{unknown} is no token of {self.name}: there are {self._vocabulary_size}")
        return list(ids)

    def _prepare(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> PreparedPrompt:
        return prepare_prompt(self._format, messages, options, marks=self._marks)

    def _prompt_ids(self, prompt: PreparedPrompt) -> list[int]:
        return self._tokenizer.prompt_ids(prompt.segments)

    def _partial_ids(self, prompt: PreparedPrompt) -> list[int]:
        """Return the ids of the answer that is continued."""
        if prompt.partial_answer is None:
            return []
        known = self._token_cache.lookup(prompt.partial_answer)
        return self._tokenizer.segment_ids(prompt.partial_segments) if known is None else known


def _conforms(model: LlamaCppModel) -> tuple[TokenizingModel, CompletingModel]:
    return model, model
