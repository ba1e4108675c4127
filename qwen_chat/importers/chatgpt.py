"""Chats as ChatGPT exports them: a list of conversations, each with its tree in `mapping`.

An answer may be several messages there: thoughts, calls of tools, what the tools said, text. They become
one. What was hidden from the person stays out, except what the model was told beforehand.
"""

from collections.abc import Callable
from typing import Any

from qwen_chat.importers.parsed import Piece, Plan, list_of, object_of, placeholder, text_of, time_of
from qwen_chat.message import FinishReason, MessageRole

_ENDINGS: dict[object, FinishReason] = {
    "max_tokens": "length",
    "interrupted": "interrupted",
    "in_progress": "interrupted",
    "finished_partial_completion": "interrupted",
}
_MEDIA = ("image", "audio", "video")
_LOST = "Original custom instructions no longer available"
"""What exports put in the place of instructions that have changed since."""


def is_chat(entry: dict[str, Any]) -> bool:
    """Tell whether an object is such a conversation."""
    return "mapping" in entry


def read(entry: dict[str, Any]) -> Plan:
    """Return a conversation of ChatGPT's.

    Raises: ValueError that names the message and its fault.
    """
    default = text_of(entry.get("default_model_slug"), "default_model_slug")
    pieces = []
    for number, (id, node) in enumerate(object_of(entry["mapping"], "mapping").items(), 1):
        try:
            pieces.append(_piece(id, object_of(node, "node"), default))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    _hand_down(pieces, time_of(entry.get("create_time"), "create_time"))
    return Plan(
        text_of(entry.get("title"), "title"), pieces, text_of(entry.get("current_node"), "current_node")
    )


def _hand_down(pieces: list[Piece], created: float | None) -> None:
    """Give the first messages the time of the conversation where they have none."""
    known = {piece.id for piece in pieces}
    for piece in pieces:
        if piece.created is None and piece.parent not in known:
            piece.created = created


def _piece(id: str, node: dict[str, Any], default: str) -> Piece:
    parent = text_of(node.get("parent"), "parent") or None
    message = object_of(node.get("message"), "message")
    if not message:
        return Piece(id, parent, "system")
    author = text_of(object_of(message.get("author"), "author").get("role"), "role")
    metadata = object_of(message.get("metadata"), "metadata")
    content = object_of(message.get("content"), "content")
    kind = text_of(content.get("content_type"), "content_type") or "text"
    role = _role(author, kind)
    piece = Piece(id, parent, role, created=time_of(message.get("create_time"), "create_time"))
    if metadata.get("is_visually_hidden_from_conversation") is True and role != "system":
        return piece
    text = _instructions(metadata) or _TEXTS.get(kind, _text)(content, kind)
    piece.content = "\n\n".join(filter(None, (text if text != _LOST else "", *_attachments(metadata, text))))
    if role == "assistant":
        if kind in ("thoughts", "reasoning_recap"):
            piece.content, piece.reasoning = "", text
        piece.joins = True
        piece.model = text_of(metadata.get("model_slug"), "model_slug") or default
        ended = object_of(metadata.get("finish_details"), "finish_details").get("type", message.get("status"))
        piece.finish = _ENDINGS.get(ended, "stop") if isinstance(ended, str) else "stop"
    return piece


def _role(author: str, kind: str) -> MessageRole:
    """Return who speaks: instructions are the system's whoever is said to have written them."""
    if author == "system" or kind in ("user_editable_context", "model_editable_context"):
        return "system"
    if author in ("assistant", "tool"):
        return "assistant"
    if author == "user":
        return "user"
    raise ValueError(f"'role' must be one of system, user, assistant, tool, not {author!r}")


def _text(content: dict[str, Any], kind: str) -> str:
    """Return the parts of a message; what is no text is named."""
    parts = content.get("parts")
    if parts is None:
        told = next((content[name] for name in ("text", "result", "content") if name in content), None)
        return text_of(told, kind) if told is not None else placeholder(kind)
    return "\n".join(filter(None, map(_part, list_of(parts, "parts"))))


def _part(part: object) -> str:
    if part is None or isinstance(part, str):
        return text_of(part, "parts")
    fields = object_of(part, "parts")
    if isinstance(fields.get("text"), str):  # what was said aloud, written down
        return text_of(fields["text"], "text")
    kind = text_of(fields.get("content_type"), "content_type")
    return placeholder(next((name for name in _MEDIA if name in kind), kind or "file"))


def _code(content: dict[str, Any], kind: str) -> str:
    language = text_of(content.get("language"), "language")
    return _fenced(text_of(content.get("text"), kind), "" if language == "unknown" else language)


def _output(content: dict[str, Any], kind: str) -> str:
    return _fenced(text_of(content.get("text"), kind), "")


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}" if text.strip() else ""


def _thoughts(content: dict[str, Any], kind: str) -> str:
    said = []
    for thought in list_of(content.get("thoughts"), kind):
        fields = object_of(thought, kind)
        summary, text = (fields.get(name) for name in ("summary", "content"))
        heading = f"**{summary}**" if isinstance(summary, str) and summary.strip() else ""
        said.append("\n\n".join(filter(None, (heading, text_of(text, "content")))))
    return "\n\n".join(filter(None, said))


def _about(content: dict[str, Any], kind: str) -> str:  # noqa: ARG001 - one of several that take both
    told = (text_of(content.get(name), name) for name in ("user_profile", "user_instructions"))
    return "\n\n".join(filter(None, told)) or text_of(content.get("model_set_context"), "model_set_context")


def _quote(content: dict[str, Any], kind: str) -> str:
    lines = [text_of(content.get(name), name) for name in ("title", "url", "text")]
    return "\n".join(f"> {line}" for line in "\n".join(filter(None, lines)).splitlines()) or placeholder(kind)


def _error(content: dict[str, Any], kind: str) -> str:
    return f"{placeholder('error')} {text_of(content.get('text'), kind)}".strip()


_TEXTS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "code": _code,
    "execution_output": _output,
    "thoughts": _thoughts,
    "user_editable_context": _about,
    "model_editable_context": _about,
    "tether_quote": _quote,
    "system_error": _error,
}
"""How the kinds of content are read that are not a list of parts."""


def _instructions(metadata: dict[str, Any]) -> str:
    """Return a person's custom instructions, as the first exports that had them keep them."""
    told = object_of(metadata.get("user_context_message_data"), "user_context_message_data")
    names = ("about_user_message", "about_model_message")
    return "\n\n".join(filter(None, (text_of(told.get(name), name) for name in names)))


def _attachments(metadata: dict[str, Any], text: str) -> list[str]:
    """Name the files that came with a message; pictures are named in its text already."""
    names = []
    for attachment in list_of(metadata.get("attachments"), "attachments"):
        fields = object_of(attachment, "attachments")
        kind = text_of(fields.get("mime_type"), "mime_type")
        if not (kind.startswith("image/") and placeholder("image") in text):
            names.append(placeholder("file", text_of(fields.get("name"), "name")))
    return names
