"""The protocol between sessions and engines: messages in, deltas out."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Event
from typing import Protocol, TypeGuard

from qwen_chat.errors import ModelError, UsageError
from qwen_chat.message import Alternative, Delta, FinishReason, Message, Think, Token, Tool, Usage
from qwen_chat.model.state import Loading, ModelState, Ready
from qwen_chat.observer import Observable
from qwen_chat.sampling import SamplingParams

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the tokens of an answer are restricted and reported.

    `grammar`: rules in llguidance's form; the answer, after any reasoning, matches their rule `answer`.
    `logit_bias` is added to the logits of tokens, by their ids. `top_logprobs` asks for the log-probability
    of each token, and for those of so many of the likeliest tokens in its place.
    """

    grammar: str = ""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    top_logprobs: int | None = None


FREE = OutputOptions()


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """How to answer, besides sampling: a chat template is given `think` and `tools`."""

    think: Think = "auto"
    tools: tuple[Tool, ...] = ()
    output: OutputOptions = FREE

    @property
    def is_for_template(self) -> bool:
        """Whether a chat template is given anything."""
        return self.think != "auto" or bool(self.tools)


PLAIN = PromptOptions()

Chat = Sequence[Message]
"""The messages of a conversation, oldest first."""

Cancel = Event | None
"""An event that another thread sets to stop the work."""

Deltas = Generator[Delta, None, None]
"""An answer as it is generated; `close` stops the work."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do besides answering; None stands for what is not known before the model is loaded.

    `tokens` and `logprobs`: it is a TokenizingModel. `batching`: it is a BatchingModel. `tools`: its prompts
    can describe tools. `thinking`: it can reason before it answers. `output`: it honours OutputOptions.
    `completion`: it is a CompletingModel.
    """

    tokens: bool | None = False
    tools: bool | None = False
    thinking: bool | None = False
    embeddings: bool | None = False
    vision: bool | None = False
    logprobs: bool | None = False
    batching: bool | None = False
    output: bool | None = False
    completion: bool | None = False


NOT_KNOWN_YET = Capabilities(*[None] * len(fields(Capabilities)))


class ChatModel(Protocol):
    """A model that answers conversations; front ends know a model only by this protocol.

    `name`, `checkpoint`, `capabilities`, `state`, `state_changes` and `start_loading` never block. Everything
    else waits until the model is loaded.

    Raises: ModelLoadError from everything that waits, when the model could not be loaded.
    """

    @property
    def name(self) -> str:
        """The name that people call the model by."""

    @property
    def checkpoint(self) -> Path | None:
        """The file or folder that the model is loaded from; None for a model on a server."""

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do; all of it is known once `state` is Ready."""

    @property
    def state(self) -> ModelState:
        """Whether the model is loading, ready or failed."""

    @property
    def state_changes(self) -> Observable:
        """Notified whenever `state` becomes another one."""

    def start_loading(self) -> None:
        """Begin to load the model in the background, and return at once; a second call does nothing."""

    @property
    def context_length(self) -> int | None:
        """Tokens that a prompt and its answer may have together; None when a server does not say."""

    @property
    def default_params(self) -> SamplingParams:
        """The sampling parameters that the checkpoint itself asks for."""

    @property
    def default_system(self) -> str:
        """The system prompt of a conversation that has none; may be empty."""

    @property
    def notice(self) -> str:
        """One line for people about how the model computes; may be empty."""

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the answer to the last message, new text only; continue it if it is an assistant's.

        An answer that this model wrote recently is continued from its exact tokens.

        Closing the generator or setting `cancel` stops the work within a token; while the prompt is read,
        within one batch of prompt tokens. Safe to call from several threads at once.

        Raises: ContextLengthError, ModelError.
        """

    def close(self) -> None:
        """Free memory and threads; a second call does nothing."""


class LoadedModel:
    """The state of a model that is loaded by its constructor: engines inherit it."""

    checkpoint: Path | None = None
    state: ModelState = Ready()
    state_changes = Observable()

    def start_loading(self) -> None:
        """Do nothing: the model is loaded already."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One prompt of a batch."""

    messages: Sequence[Message]
    params: SamplingParams
    options: PromptOptions = PLAIN


@dataclass(frozen=True, slots=True)
class CompletedAnswer:
    """A whole answer."""

    text: str
    reasoning: str
    finish_reason: FinishReason
    usage: Usage


class BatchingModel(ChatModel, Protocol):
    """A model that answers many prompts together faster than one by one."""

    def answer(
        self, requests: Sequence[BatchRequest], *, cancel: Cancel = None
    ) -> list[CompletedAnswer | ModelError]:
        """Return an answer or an error for each request; `cancel` ends the rest as "interrupted"."""


class TokenizingModel(ChatModel, Protocol):
    """A model that runs here, so that its prompts can be counted and shown token by token."""

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; messages counted before are not tokenized again."""

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a position of the answer that the messages end with, best first.

        `position` counts the answer's tokens from 0. `stream` can continue from each alternative.

        Raises: UsageError for a position that the answer does not have; ModelError.
        """


class CompletingModel(ChatModel, Protocol):
    """A model that goes on with any text or tokens, without a chat template."""

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

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a text, in which nothing is a control token."""

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """Return the text of ids.

        Raises: UsageError for an id that is no token of the model.
        """


def wait_until_loaded(model: ChatModel, cancel: Event | None = None) -> ModelState:
    """Start loading a model, wait for it, and return its state: Loading if `cancel` was set meanwhile."""
    changed = Event()
    with model.state_changes.subscribe(changed.set):
        model.start_loading()
        while isinstance(model.state, Loading) and not (cancel is not None and cancel.is_set()):
            changed.wait(_POLL_SECONDS)
            changed.clear()
    return model.state


def supports_tokens(model: ChatModel) -> TypeGuard[TokenizingModel]:
    """Return whether a model can count and show tokens; wait for the model if that is not known yet."""
    if model.capabilities.tokens is None:
        wait_until_loaded(model)
    return bool(model.capabilities.tokens)


def supports_batching(model: ChatModel) -> TypeGuard[BatchingModel]:
    """Return whether a model answers batches; wait for the model if that is not known yet."""
    if model.capabilities.batching is None:
        wait_until_loaded(model)
    return bool(model.capabilities.batching)


def supports_completion(model: ChatModel) -> TypeGuard[CompletingModel]:
    """Return whether a model goes on with any text; wait for the model if that is not known yet."""
    if model.capabilities.completion is None:
        wait_until_loaded(model)
    return bool(model.capabilities.completion)


def require_tokens(model: ChatModel) -> TokenizingModel:
    """Return a model as one that can count and show tokens.

    Raises: UsageError when it cannot.
    """
    if not supports_tokens(model):
        raise UsageError(f"{model.name} runs on a server that does not show its tokens")
    return model
