"""Chats in the forms that models are tuned on: ShareGPT's and Qwen's `conversations`, ChatML's `messages`."""

from itertools import pairwise
from typing import Any

from qwen_chat.importers.parsed import Piece, Plan, list_of, object_of, placeholder, text_of
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
    """Tell whether an object is such a sample."""
    return isinstance(entry.get("conversations", entry.get("messages")), list)


def read(entry: dict[str, Any]) -> Plan:
    """Return a sample as a conversation.

    Raises: ValueError that names the message and its fault.
    """
    turns = list_of(entry.get("conversations", entry.get("messages")), "conversations")
    pieces: list[Piece] = []
    for number, turn in enumerate(turns, 1):
        try:
            pieces.append(_piece(number, object_of(turn, "message")))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    for before, after in pairwise(pieces):
        after.joins = after.joins or (before.joins and after.role == "assistant")
    title = entry.get("title")
    return Plan(
        title if isinstance(title, str) else "",
        pieces,
        str(len(pieces)),
        text_of(entry.get("system"), "system"),
    )


def _piece(number: int, turn: dict[str, Any]) -> Piece:
    speaker = turn.get("from", turn.get("role"))
    role = _ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        raise ValueError("'from' must be one of user, human, assistant, gpt, system, tool")
    parent = str(number - 1) if number > 1 else None
    piece = Piece(str(number), parent, role, _content(turn))
    if role == "assistant":
        piece.reasoning, piece.content = _taken_apart(piece.content)
        piece.reasoning = piece.reasoning or text_of(turn.get("reasoning_content"), "reasoning_content")
        if (tool := _TOOLS.get(str(speaker).lower())) is not None:
            piece.joins, piece.content = True, f"{placeholder(tool)} {piece.content}"
    return piece


def _content(turn: dict[str, Any]) -> str:
    value = turn.get("value", turn.get("content"))
    if not isinstance(value, list):
        return text_of(value, "value" if "from" in turn else "content")
    return "\n".join(filter(None, map(_part, value)))


def _part(part: object) -> str:
    if isinstance(part, str):
        return text_of(part, "content")
    fields = object_of(part, "content")
    if isinstance(fields.get("text"), str):
        return text_of(fields["text"], "text")
    kind = text_of(fields.get("type"), "type") or next(iter(fields), "")
    return placeholder(next((name for name in ("image", "audio", "video") if name in kind), kind or "file"))


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer of a text that Qwen3 was, or is to be, tuned on."""
    if not text.startswith("<think>\n"):
        return "", text
    thought, end, answer = text.removeprefix("<think>\n").partition("\n</think>\n\n")
    return (thought, answer) if end else ("", text)
