"""The values that travel between sessions and engines; they are frozen and know nothing."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

FinishReason = Literal["stop", "length", "context", "interrupted", "error"]
"""Why an answer ended: by itself, at max_new_tokens, at the end of the context, by a person
(or a killed process), by a fault."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Role
    content: str
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens and seconds; `cached_tokens` of the prompt were not read again."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

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
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a prompt: its id, its bytes, and whether it is a control token."""

    id: int
    bytes: bytes
    control: bool = False
