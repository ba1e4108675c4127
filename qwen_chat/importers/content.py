"""Reads the content of a message as OpenAI's and similar formats have it."""

import json
from typing import Any

from qwen_chat.importers.parsed import list_of, object_of, placeholder, text_of

_MEDIA = ("image", "audio", "video")
_THINKING = ("thinking", "reasoning")


def read_content(value: object, name: str = "content") -> str:
    """Return the text of a content: a text, or parts, of which those without text have placeholders.

    Raises: ValueError.
    """
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return text_of(value, name)
    return "\n".join(filter(None, map(_read_part, value)))


def read_reasoning(turn: dict[str, Any]) -> str:
    """Return the reasoning of a message, in a field of its own or among the parts of its content.

    Raises: ValueError.
    """
    for name in ("reasoning_content", "reasoning", "thinking"):
        if isinstance(turn.get(name), str):
            return text_of(turn[name], name)
    content = turn.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    thoughts = [_thought(part) for part in parts if part.get("type") in _THINKING]
    return "\n\n".join(filter(None, thoughts))


def read_calls(turn: dict[str, Any]) -> str:
    """Return the calls of tools in a message as text.

    Raises: ValueError.
    """
    calls = list_of(turn.get("tool_calls"), "tool_calls")
    if isinstance(turn.get("function_call"), dict):
        calls = [*calls, {"function": turn["function_call"]}]
    return "\n".join(_read_call(object_of(call, "tool_calls")) for call in calls)


def _read_call(call: dict[str, Any]) -> str:
    function = object_of(call.get("function", call), "function")
    name, arguments = function.get("name"), function.get("arguments", function.get("input"))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return f"{placeholder('tool call', name if isinstance(name, str) else '')} {text_of(text, 'arguments')}"


def _read_part(part: object) -> str:
    if part is None or isinstance(part, str):
        return text_of(part, "content")
    fields = object_of(part, "content")
    kind = text_of(fields.get("type"), "type") or next(iter(fields), "")
    if kind in _THINKING:
        return ""
    if kind in ("tool_use", "tool_call"):
        return _read_call(fields)
    if kind == "tool_result":
        return f"{placeholder('tool')} {read_content(fields.get('content'))}".rstrip()
    if isinstance(fields.get("text"), str):
        return text_of(fields["text"], "text")
    return placeholder(next((name for name in _MEDIA if name in kind), kind or "file"))


def _thought(part: dict[str, Any]) -> str:
    text = next((part[name] for name in ("thinking", "text", "reasoning") if name in part), "")
    return text if isinstance(text, str) else ""
