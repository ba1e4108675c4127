"""The messages of a request as ours."""

import json
from collections.abc import Iterable, Sequence

from qwen_chat.message import Message, MessageRole, ToolCall
from qwen_chat.server.chat_schema import CalledFunction, ChatMessage, Part
from qwen_chat.server.errors import ApiError

_TEXTS = ("text", "input_text", "output_text", "reasoning_text", "summary_text")

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
    return join_system(ours)


def join_system(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation with its system messages as one, at its begin, and without empty answers."""
    system = [message.content for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    # An answer that was stopped at once says nothing.
    told = [message for message in rest if message.role == "user" or not message.is_empty]
    return [Message("system", "\n\n".join(filter(None, system))), *told] if system else told


def as_role(place: str, role: str) -> MessageRole:
    """Return the role of a message as ours.

    Raises: ApiError.
    """
    if role not in _ROLES:
        raise ApiError(400, f"{place}: {role[:40]!r} is none of {', '.join(_ROLES)}", param=place)
    return _ROLES[role]


def _read_message(place: str, message: ChatMessage) -> Message:
    role = as_role(f"{place}.role", message.role)
    content = read_content(f"{place}.content", message.content)
    reasoning = message.reasoning_content or message.reasoning or ""
    return Message(
        role,
        content,
        reasoning if role == "assistant" else "",
        tuple(_read_calls(place, message)) if role == "assistant" else (),
        message.tool_call_id or "" if role == "tool" else "",
        message.name or "" if role == "tool" else "",
    )


def read_content(place: str, content: str | list[Part] | None) -> str:
    """Return the text of a content.

    Raises: ApiError for a part that is not text.
    """
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_read_part(f"{place}[{number}]", part) for number, part in enumerate(content))


def _read_part(place: str, part: Part) -> str:
    if part.type in _TEXTS and part.text is not None:
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
    return check_arguments(place, function.arguments)


def check_arguments(place: str, text: str | None) -> str:
    """Return the arguments of a call, which are the text of a JSON object.

    Raises: ApiError.
    """
    try:
        if isinstance(json.loads(text or "{}"), dict):
            return text or "{}"
    except (ValueError, RecursionError):
        pass
    raise ApiError(400, f"{place}: it is not the text of a JSON object", param=place)
