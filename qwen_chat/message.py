"""The values that sessions and engines exchange; they are frozen and depend on no other module."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MessageRole = Literal["system", "user", "assistant", "tool"]

FinishReason = Literal["stop", "length", "context", "tool_calls", "interrupted", "error"]
"""Why an answer ended: the model ended it, it reached max_new_tokens, the context was full, the model
called tools, a person stopped it (or its process was killed), an error occurred."""

Think = Literal["auto", "on", "off"]
"""Whether a model that can reason does so before it answers; "auto" leaves it to the chat template."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that belongs to a message; `name` is the name or path that the person gave."""

    name: str
    text: str

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return len(self.text.splitlines())


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool by a model; `arguments` is JSON text as the model wrote it, which may be invalid."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation: `content` is the typed or generated text, without attached files."""

    role: MessageRole
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """The tools that an assistant's message calls."""
    tool_call_id: str = ""
    """The call that a message of the role "tool" is the result of."""
    name: str = ""
    """The tool that a message of the role "tool" comes from."""
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether a model has nothing to read in it."""
        return not (self.content or self.tool_calls or self.attachments or self.role == "tool")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the tool in OpenAI's form, which chat templates expect."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of an answer, in tokens and seconds.

    The engine took `cached_tokens` of the prompt from its prefix cache. The model reasoned for
    `reasoning_seconds` before it began the answer itself.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    reasoning_seconds: float = 0.0

    @property
    def context_tokens(self) -> int:
        """Tokens of the context that are in use after the answer."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def tokens_per_second(self) -> float:
        """The decoding speed; 0 when nothing was decoded."""
        return self.completion_tokens / self.decode_seconds if self.decode_seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Prefill:
    """How much of the prompt the engine has read, in tokens."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """A piece of a tool call: `index` counts the calls of an answer from 0.

    The first piece of a call has its id and name; `arguments` is new text only.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of an answer, or one that could have been chosen, with the natural log of its probability."""

    id: int
    bytes: bytes
    logprob: float
    likeliest: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens in its place, best first."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer: new text only, never the text so far; the last delta has the finish reason."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    prefill: Prefill | None = None
    waiting: int | None = None
    """How many requests the model answers before this one."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Those of new tokens, where they were asked for; their text may come with a later delta."""
    notices: tuple[str, ...] = ()
    """Lines for the person that are not part of the answer."""
    finish_reason: FinishReason | None = None
    stop_text: str = ""
    """The stop text that ended the answer, where one did and the engine says so."""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a prompt: its id, its bytes, and whether it is a control token."""

    id: int
    bytes: bytes
    control: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that the model could have chosen at some position, and the answer that ends with it.

    `probability` is the model's own, before temperature and the other sampling parameters.
    """

    token: Token
    probability: float
    answer: Message
