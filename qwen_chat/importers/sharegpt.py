"""Reads fine-tuning samples: the `conversations` of ShareGPT and Qwen, the `messages` of ChatML."""

from itertools import pairwise
from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.parsed import ParsedConversation, ParsedMessage
from qwen_chat.message import MessageRole

_ROLES: dict[str, MessageRole] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "assistant",
    "function": "assistant",
    "observation": "assistant",
}
_TOOLS = {"function_call": "tool call", "tool": "tool", "function": "tool", "observation": "tool"}


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a fine-tuning sample."""
    return isinstance(entry.get("conversations", entry.get("messages")), list)


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a sample.

    Raises: ValueError that names the message and its fault.
    """
    turns = parsed.list_of(entry.get("conversations", entry.get("messages")), "conversations")
    messages: list[ParsedMessage] = []
    for number, turn in enumerate(turns, 1):
        try:
            messages.append(_parse_message(number, parsed.object_of(turn, "message")))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    for before, after in pairwise(messages):
        after.continues_answer |= before.continues_answer and after.role == "assistant"
    title = entry.get("title")
    return ParsedConversation(
        title if isinstance(title, str) else "",
        messages,
        str(len(messages)),
        parsed.text_of(entry.get("system"), "system"),
    )


def _parse_message(number: int, turn: dict[str, Any]) -> ParsedMessage:
    speaker = turn.get("from", turn.get("role"))
    role = _ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        raise ValueError("'from' must be one of user, human, assistant, gpt, system, tool")
    parent = str(number - 1) if number > 1 else None
    message = ParsedMessage(str(number), parent, role, _read_content(turn))
    if role == "assistant":
        message.reasoning, message.content = _split_reasoning(message.content)
        message.reasoning = message.reasoning or parsed.text_of(
            turn.get("reasoning_content"), "reasoning_content"
        )
        if (tool := _TOOLS.get(str(speaker).lower())) is not None:
            message.continues_answer, message.content = True, f"{parsed.placeholder(tool)} {message.content}"
    return message


def _read_content(turn: dict[str, Any]) -> str:
    value = turn.get("value", turn.get("content"))
    if not isinstance(value, list):
        return parsed.text_of(value, "value" if "from" in turn else "content")
    return "\n".join(filter(None, map(_read_part, value)))


def _read_part(part: object) -> str:
    if isinstance(part, str):
        return parsed.text_of(part, "content")
    fields = parsed.object_of(part, "content")
    if isinstance(fields.get("text"), str):
        return parsed.text_of(fields["text"], "text")
    kind = parsed.text_of(fields.get("type"), "type") or next(iter(fields), "")
    return parsed.placeholder(
        next((name for name in ("image", "audio", "video") if name in kind), kind or "file")
    )


def _split_reasoning(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer of a text in the form of Qwen3's samples."""
    if not text.startswith("<think>\n"):
        return "", text
    thought, end, answer = text.removeprefix("<think>\n").partition("\n</think>\n\n")
    return (thought, answer) if end else ("", text)
