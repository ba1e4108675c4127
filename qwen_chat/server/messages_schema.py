"""The bodies of /v1/messages and /v1/messages/count_tokens.

https://docs.anthropic.com/en/api/messages
"""

from typing import Any, Literal

from pydantic import Field

from qwen_chat.server.bodies import Body
from qwen_chat.server.chat_schema import MAX_STOPS, number


class Block(Body):
    """A block of a message's content; which fields it has depends on its type."""

    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    tool_use_id: str | None = None
    content: "str | list[Block] | None" = None
    is_error: bool | None = None


class TurnMessage(Body):
    """A message of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class MessageTool(Body):
    """A tool that the model may call."""

    name: str = Field(pattern=r"^[^\s\"\\]{1,128}$")
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    type: str | None = None


class MessageToolChoice(Body):
    """Whether a tool must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Body):
    """Whether the model reasons first."""

    type: Literal["enabled", "disabled", "adaptive"]


class PromptBody(Body):
    """The fields that make a prompt, which is all that tokens are counted of."""

    model: str | None = None
    messages: list[TurnMessage] = Field(min_length=1)
    system: str | list[Block] | None = None
    tools: list[MessageTool] | None = None
    tool_choice: MessageToolChoice | None = None
    thinking: Thinking | None = None


class MessagesBody(PromptBody):
    """The body of a request for the next message."""

    max_tokens: Any = number("integer", 1, 10_000_000)
    temperature: Any = number("number", 0, 5)
    top_p: Any = number("number", 0, 1)
    top_k: Any = number("integer", 0, 1_000_000)
    stop_sequences: list[str] | None = Field(default=None, max_length=MAX_STOPS)
    stream: bool | None = None
