"""The bodies of /v1/chat/completions.

https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any, Literal

from pydantic import Field, JsonValue

from qwen_chat.sampling import MAX_SEED
from qwen_chat.server.bodies import Body

MAX_CHOICES = 16
MAX_STOPS = 16
MAX_TOP_LOGPROBS = 20


def number(kind: str, low: float, high: float) -> Any:  # noqa: ANN401 - a field
    """Return a number whose type and limits the sampling parameters check, in their own words."""
    return Field(default=None, json_schema_extra={"type": [kind, "null"], "minimum": low, "maximum": high})


def _stop() -> Any:  # noqa: ANN401 - a field
    texts: dict[str, JsonValue] = {"type": "array", "items": {"type": "string"}, "maxItems": MAX_STOPS}
    return Field(default=None, json_schema_extra={"anyOf": [{"type": ["string", "null"]}, texts]})


def _count() -> Any:  # noqa: ANN401 - a field
    return number("integer", 1, 10_000_000)


class Part(Body):
    """A part of a message's content."""

    type: str
    text: str | None = None
    refusal: str | None = None


class CalledFunction(Body):
    """The function of a call; `arguments` is JSON text."""

    name: str
    arguments: str | dict[str, Any] | None = None


class Call(Body):
    """A call of a tool in an assistant's message."""

    id: str | None = None
    type: str = "function"
    function: CalledFunction


class ChatMessage(Body):
    """A message of a conversation."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None


class FunctionDefinition(Body):
    """A function that the model may call."""

    name: str = Field(pattern=r"^[^\s\"\\]{1,128}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolDefinition(Body):
    """A tool that the model may call."""

    type: str
    function: FunctionDefinition | None = None


class NamedFunction(Body):
    """The name of a function."""

    name: str


class NamedTool(Body):
    """The one tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Body):
    """The schema that an answer must follow."""

    name: str | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Body):
    """The form of an answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Body):
    """What a stream has besides the answer."""

    include_usage: bool | None = None


class SamplingBody(Body):
    """The fields that the interfaces of OpenAI share."""

    model: str | None = None
    temperature: Any = number("number", 0, 5)
    top_p: Any = number("number", 0, 1)
    top_k: Any = number("integer", 0, 1_000_000)
    min_p: Any = number("number", 0, 1)
    presence_penalty: Any = number("number", -2, 2)
    frequency_penalty: Any = number("number", -2, 2)
    repetition_penalty: Any = number("number", 0.01, 10)
    max_tokens: Any = _count()
    seed: Any = number("integer", 0, MAX_SEED)
    stop: Any = _stop()
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    logit_bias: dict[str, float] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class ChatBody(SamplingBody):
    """The body of a request for an answer to a conversation."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: Any = _count()
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)
    response_format: ResponseFormat | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDefinition] | None = None
    function_call: Literal["auto", "none"] | NamedFunction | None = None
    reasoning_effort: str | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
