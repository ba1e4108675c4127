"""The messages of a request as ours."""

import json
from collections.abc import Iterable, Sequence

from qwen_chat.message import Message, MessageRole, ToolCall
from qwen_chat.server.chat_schema import CalledFunction, ChatMessage, Part
from qwen_chat.server.errors import ApiError

_ROLES: dict[str, MessageRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def read_messages(messages: Sequence[ChatMessage]) -> list[Message]:
    """Return a conversation: all system messages are one, at its begin, where every chat template has it.

    Raises: ApiError, which names the message.
    """
    ours = [_read_message(f"messages[{number}]", message) for number, message in enumerate(messages)]
    if not any(message.role == "user" for message in ours):
        raise ApiError(400, "messages: there is no message of the role user", param="messages")
    system = "\n\n".join(message.content for message in ours if message.role == "system" and message.content)
    rest = [message for message in ours if message.role != "system"]
    # An answer that was stopped at once says nothing.
    told = [message for message in rest if message.role == "user" or not message.is_empty]
    return [Message("system", system), *told] if len(rest) < len(ours) else told


def _read_message(place: str, message: ChatMessage) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        known = ", ".join(_ROLES)
        raise ApiError(400, f"{place}.role: {message.role[:40]!r} is none of {known}", param=f"{place}.role")
    content = _read_content(f"{place}.content", message.content)
    reasoning = message.reasoning_content or message.reasoning or ""
    return Message(
        role,
        content,
        reasoning if role == "assistant" else "",
        tuple(_read_calls(place, message)) if role == "assistant" else (),
        message.tool_call_id or "" if role == "tool" else "",
        message.name or "" if role == "tool" else "",
    )


def _read_content(place: str, content: str | list[Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_read_part(f"{place}[{number}]", part) for number, part in enumerate(content))


def _read_part(place: str, part: Part) -> str:
    if part.type in ("text", "input_text", "output_text") and part.text is not None:
        return part.text
    if part.type == "refusal":
        return part.refusal or ""
    raise ApiError(400, f"{place}: the model reads text, not {part.type[:40]!r}", param=place)


def _read_calls(place: str, message: ChatMessage) -> Iterable[ToolCall]:
    for number, call in enumerate(message.tool_calls or ()):
        where = f"{place}.tool_calls[{number}].function.arguments"
        yield ToolCall(call.id or f"call_{number}", call.function.name, _read_arguments(where, call.function))
    if message.function_call is not None:
        where = f"{place}.function_call.arguments"
        yield ToolCall("call_0", message.function_call.name, _read_arguments(where, message.function_call))


def _read_arguments(place: str, function: CalledFunction) -> str:
    if isinstance(function.arguments, dict):
        return json.dumps(function.arguments, ensure_ascii=False)
    text = function.arguments or "{}"
    try:
        if isinstance(json.loads(text), dict):
            return text
    except (ValueError, RecursionError):
        pass
    raise ApiError(400, f"{place}: it is not the text of a JSON object", param=place)
