"""Messages and tools as chat templates expect them, which is OpenAI's form, as text that somebody typed."""

import json
from collections.abc import Sequence
from typing import Any

from qwen_chat.message import Message, Tool, ToolCall
from qwen_chat.model.templates.marked import own, typed


def message_values(
    messages: Sequence[Message], *, content_parts: bool = False, arguments_text: bool = False
) -> list[dict[str, Any]]:
    """Return messages for a template.

    With `content_parts` each content is a list with one text; with `arguments_text` the arguments of tool
    calls stay JSON text.
    """
    return [
        _message(message, content_parts=content_parts, arguments_text=arguments_text) for message in messages
    ]


def tool_values(tools: Sequence[Tool]) -> list[Any] | None:
    """Return tools for a template, None for none."""
    return [as_typed(tool.as_json()) for tool in tools] or None


def as_typed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value whose strings are marked as typed."""
    if isinstance(value, str):
        return typed(value)
    if isinstance(value, (list, tuple)):
        return [as_typed(each) for each in value]
    if isinstance(value, dict):
        return {as_typed(key): as_typed(each) for key, each in value.items()}
    return value


def _message(message: Message, *, content_parts: bool, arguments_text: bool) -> dict[str, Any]:
    content: Any = typed(message.content)
    if content_parts:
        content = [{"type": own("text"), "text": content}]
    entry: dict[str, Any] = {"role": own(message.role), "content": content}
    if message.reasoning:
        # Two names are in use; a template decides how long reasoning stays in the prompt.
        entry |= dict.fromkeys(("reasoning_content", "thinking"), typed(message.reasoning))
    if message.tool_calls:
        entry["tool_calls"] = [_tool_call(call, as_text=arguments_text) for call in message.tool_calls]
    if message.role == "tool":
        entry |= {"tool_call_id": typed(message.tool_call_id), "name": typed(message.name)}
    return entry


def _tool_call(call: ToolCall, *, as_text: bool) -> dict[str, Any]:
    arguments = typed(call.arguments) if as_text else _arguments(call.arguments)
    function = {"name": typed(call.name), "arguments": arguments}
    return {"type": own("function"), "id": typed(call.id), "function": function}


def _arguments(text: str) -> Any:  # noqa: ANN401
    """Return arguments as a value; text that is not a JSON object stays text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return as_typed(value) if isinstance(value, dict) else typed(text)
