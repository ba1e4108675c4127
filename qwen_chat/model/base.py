"""The wall between sessions and engines: messages in, deltas out."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol, runtime_checkable

from qwen_chat.errors import ModelError, UsageError
from qwen_chat.message import Alternative, Delta, FinishReason, Message, Think, Token, Tool, Usage
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class PromptOptions:
    """What a checkpoint's chat template is told besides the messages."""

    think: Think = "auto"
    tools: tuple[Tool, ...] = ()


PLAIN = PromptOptions()


class ChatModel(Protocol):
    """A model that answers conversations; all front ends know only this."""

    @property
    def name(self) -> str:
        """What people call the model."""

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may have together."""

    @property
    def default_params(self) -> SamplingParams:
        """The parameters the checkpoint itself asks for."""

    @property
    def default_system(self) -> str:
        """The system prompt in force when the conversation has none; may be empty."""

    @property
    def notice(self) -> str:
        """What a person should know of how it computes; may be empty."""

    @property
    def thinks(self) -> bool:
        """Whether it can write its reasoning before the answer."""

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        options: PromptOptions = PLAIN,
        *,
        cancel: Event | None = None,
    ) -> Generator[Delta, None, None]:
        """Yield the answer to the last message, new text only; an assistant's last message is gone on with.

        What the model wrote itself lately is gone on with from the very tokens it wrote.

        Closing the generator, or setting `cancel`, stops the work within a token; while the prompt is
        read, within one batch of it. Safe to call from several threads at once.

        Raises: ContextLengthError, ModelError.
        """

    def close(self) -> None:
        """Give back memory and threads; a second call does nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt of a batch."""

    messages: Sequence[Message]
    params: SamplingParams
    options: PromptOptions = PLAIN


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer."""

    text: str
    reasoning: str
    finish_reason: FinishReason
    usage: Usage


@runtime_checkable
class BatchingModel(ChatModel, Protocol):
    """An engine that answers many prompts together faster than one by one."""

    def answer(
        self, requests: Sequence[Request], *, cancel: Event | None = None
    ) -> list[Answered | ModelError]:
        """Return an answer or a fault for each request; those that `cancel` ended are "interrupted"."""


@runtime_checkable
class TokenizingModel(ChatModel, Protocol):
    """An engine that runs here and can show its prompt."""

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read; what was counted before costs nothing."""

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a place of the answer that the messages end with, best first.

        `position` counts the answer's tokens from 0. Each can be gone on with by `stream`.

        Raises: UsageError for a position that the answer does not have; ModelError.
        """


def tokenizing(model: ChatModel) -> TokenizingModel:
    """Return a model as one that can show its tokens.

    Raises: UsageError when it cannot.
    """
    if not isinstance(model, TokenizingModel):
        raise UsageError(f"{model.name} runs elsewhere: its tokens cannot be seen from here")
    return model
