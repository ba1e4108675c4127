"""The values that travel between sessions and engines; they are frozen and know nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MessageRole = Literal["system", "user", "assistant"]

FinishReason = Literal["stop", "length", "context", "interrupted", "error"]
"""Why an answer ended: by itself, at max_new_tokens, at the end of the context, by a person
(or a killed process), by a fault."""

Think = Literal["auto", "on", "off"]
"""Whether a model that can reason first is to do so; auto leaves it to its template."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: MessageRole
    content: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may ask to be called; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return it as chat templates expect it, which is OpenAI's form."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens and seconds.

    `cached_tokens` of the prompt were not read again; `reasoning_seconds` went before the answer itself.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    reasoning_seconds: float = 0.0

    @property
    def context_tokens(self) -> int:
        """Tokens of the context in use after the answer."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed; 0 when nothing was decoded."""
        return self.completion_tokens / self.decode_seconds if self.decode_seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Prefill:
    """How much of the prompt has been read, in tokens."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer: new text only, never text so far; the last one says why it ended."""

    text: str = ""
    reasoning: str = ""
    prefill: Prefill | None = None
    waiting: int | None = None
    """How many answers are written before this one is begun."""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a prompt: its id, its bytes, and whether it is a control token."""

    id: int
    bytes: bytes
    control: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could stand at some place of an answer, and the answer up to and with it.

    `probability` is the model's own, before temperature and the other parameters.
    """

    token: Token
    probability: float
    answer: Message
