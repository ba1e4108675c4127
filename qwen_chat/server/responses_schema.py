"""The body of /v1/responses.

https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Any, Literal

from qwen_chat.server.bodies import Body
from qwen_chat.server.chat_schema import JsonSchema, Part, number


class Item(Body):
    """An item of the input: a message, reasoning, a call of a tool, or what a tool returned."""

    type: str = "message"
    role: str | None = None
    content: str | list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Part] | None = None


class ResponseTool(Body):
    """A tool that the model may call."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ChosenTool(Body):
    """The one tool that must be called."""

    type: Literal["function"]
    name: str


class TextFormat(JsonSchema):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"]


class TextOptions(Body):
    """How the text of an answer is written."""

    format: TextFormat | None = None


class ReasoningOptions(Body):
    """Whether the model reasons first."""

    effort: str | None = None


class ResponsesBody(Body):
    """The body of a request for an answer."""

    model: str | None = None
    input: str | list[Item]
    instructions: str | None = None
    max_output_tokens: Any = number("integer", 1, 10_000_000)
    temperature: Any = number("number", 0, 5)
    top_p: Any = number("number", 0, 1)
    top_k: Any = number("integer", 0, 1_000_000)
    seed: Any = number("integer", 0, 2**32 - 2)
    tools: list[ResponseTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    background: bool | None = None
