"""Reads the export of ChatGPT: a list of conversations, each with its tree in `mapping`.

There, several messages may make one answer: thoughts, tool calls, tool results and text. They become one
message. Messages that were hidden from the person are left out, except for instructions to the model.
"""

from collections.abc import Callable
from typing import Any

from qwen_chat.files.fenced import fence
from qwen_chat.importers.parsed import (
    ParsedConversation,
    ParsedMessage,
    list_of,
    object_of,
    placeholder,
    text_of,
    time_of,
)
from qwen_chat.importers.roles import Speakers
from qwen_chat.message import FinishReason, MessageRole

_FINISH_REASONS: dict[object, FinishReason] = {
    "max_tokens": "length",
    "interrupted": "interrupted",
    "in_progress": "interrupted",
    "finished_partial_completion": "interrupted",
}
_MEDIA = ("image", "audio", "video")
_LOST = "Original custom instructions no longer available"
"""Stands in exports in place of instructions that have changed since."""


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a conversation of ChatGPT."""
    return "mapping" in entry


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a conversation.

    Raises: ValueError that names the message and its fault.
    """
    default = text_of(entry.get("default_model_slug"), "default_model_slug")
    messages, speakers = list[ParsedMessage](), Speakers()
    for number, (id, node) in enumerate(object_of(entry["mapping"], "mapping").items(), 1):
        try:
            messages.append(_parse_message(id, object_of(node, "node"), default, speakers))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    _set_first_times(messages, time_of(entry.get("create_time")))
    return ParsedConversation(
        text_of(entry.get("title"), "title"),
        messages,
        text_of(entry.get("current_node"), "current_node"),
        notes=speakers.notes(),
    )


def _set_first_times(messages: list[ParsedMessage], created: float | None) -> None:
    """Give first messages without a time the time of the conversation."""
    known = {message.id for message in messages}
    for message in messages:
        if message.created is None and message.parent not in known:
            message.created = created


def _parse_message(id: str, node: dict[str, Any], default: str, speakers: Speakers) -> ParsedMessage:
    parent = text_of(node.get("parent"), "parent") or None
    message = object_of(node.get("message"), "message")
    if not message:
        return ParsedMessage(id, parent, "system")
    author = text_of(object_of(message.get("author"), "author").get("role"), "role")
    metadata = object_of(message.get("metadata"), "metadata")
    content = object_of(message.get("content"), "content")
    kind = text_of(content.get("content_type"), "content_type") or "text"
    role, label = _role(author, kind, speakers)
    parsed = ParsedMessage(id, parent, role, created=time_of(message.get("create_time")))
    if metadata.get("is_visually_hidden_from_conversation") is True and role != "system":
        return parsed
    text = _instructions(metadata) or _READERS.get(kind, _read_parts)(content, kind)
    parsed.content = "\n\n".join(filter(None, (text if text != _LOST else "", *_file_names(metadata, text))))
    if label and parsed.content:
        parsed.content = f"{placeholder(label)} {parsed.content}"
    if role == "assistant":
        if kind in ("thoughts", "reasoning_recap"):
            parsed.content, parsed.reasoning = "", text
        parsed.continues_answer = True
        parsed.model = text_of(metadata.get("model_slug"), "model_slug") or default
        parsed.finish = _finish_reason(message, metadata)
    return parsed


def _finish_reason(message: dict[str, Any], metadata: dict[str, Any]) -> FinishReason:
    details = object_of(metadata.get("finish_details"), "finish_details")
    reason = details.get("type", message.get("status"))
    return _FINISH_REASONS.get(reason, "stop") if isinstance(reason, str) else "stop"


def _role(author: str, kind: str, speakers: Speakers) -> tuple[MessageRole, str]:
    """Return the role of a message, and a label for one that is neither a person's nor the model's own.

    Instructions are the system's, whoever the export names as author. Tools are a part of the answer.
    """
    if kind in ("user_editable_context", "model_editable_context"):
        return "system", ""
    if author == "tool":
        return "assistant", ""
    speaker = speakers.find(author, None, answers=True)
    return speaker.role, speaker.label


def _read_parts(content: dict[str, Any], kind: str) -> str:
    """Return the text of the parts of a message, with placeholders for parts that are not text."""
    parts = content.get("parts")
    if parts is None:
        text = next((content[name] for name in ("text", "result", "content") if name in content), None)
        return text_of(text, kind) if text is not None else placeholder(kind)
    return "\n".join(filter(None, map(_read_part, list_of(parts, "parts"))))


def _read_part(part: object) -> str:
    if part is None or isinstance(part, str):
        return text_of(part, "parts")
    fields = object_of(part, "parts")
    if isinstance(fields.get("text"), str):  # the transcript of a recording
        return text_of(fields["text"], "text")
    kind = text_of(fields.get("content_type"), "content_type")
    return placeholder(next((name for name in _MEDIA if name in kind), kind or "file"))


def _read_code(content: dict[str, Any], kind: str) -> str:
    language = text_of(content.get("language"), "language")
    return _fence(text_of(content.get("text"), kind), "" if language == "unknown" else language)


def _read_output(content: dict[str, Any], kind: str) -> str:
    return _fence(text_of(content.get("text"), kind), "")


def _fence(text: str, language: str) -> str:
    return fence(f"{text}\n", language) if text.strip() else ""


def _read_thoughts(content: dict[str, Any], kind: str) -> str:
    texts = []
    for thought in list_of(content.get("thoughts"), kind):
        fields = object_of(thought, kind)
        summary, text = (fields.get(name) for name in ("summary", "content"))
        heading = f"**{summary}**" if isinstance(summary, str) and summary.strip() else ""
        texts.append("\n\n".join(filter(None, (heading, text_of(text, "content")))))
    return "\n\n".join(filter(None, texts))


def _read_instructions(content: dict[str, Any], kind: str) -> str:  # noqa: ARG001 - a reader takes both
    texts = (text_of(content.get(name), name) for name in ("user_profile", "user_instructions"))
    return "\n\n".join(filter(None, texts)) or text_of(content.get("model_set_context"), "model_set_context")


def _read_quote(content: dict[str, Any], kind: str) -> str:
    lines = [text_of(content.get(name), name) for name in ("title", "url", "text")]
    return "\n".join(f"> {line}" for line in "\n".join(filter(None, lines)).splitlines()) or placeholder(kind)


def _read_error(content: dict[str, Any], kind: str) -> str:
    return f"{placeholder('error')} {text_of(content.get('text'), kind)}".strip()


_READERS: dict[str, Callable[[dict[str, Any], str], str]] = {
    "code": _read_code,
    "execution_output": _read_output,
    "thoughts": _read_thoughts,
    "user_editable_context": _read_instructions,
    "model_editable_context": _read_instructions,
    "tether_quote": _read_quote,
    "system_error": _read_error,
}
"""Read the kinds of content that are not a list of parts."""


def _instructions(metadata: dict[str, Any]) -> str:
    """Return a person's custom instructions as older exports keep them."""
    data = object_of(metadata.get("user_context_message_data"), "user_context_message_data")
    names = ("about_user_message", "about_model_message")
    return "\n\n".join(filter(None, (text_of(data.get(name), name) for name in names)))


def _file_names(metadata: dict[str, Any], text: str) -> list[str]:
    """Return placeholders for the files of a message, except for pictures that its text has already."""
    names = []
    for attachment in list_of(metadata.get("attachments"), "attachments"):
        fields = object_of(attachment, "attachments")
        kind = text_of(fields.get("mime_type"), "mime_type")
        if not (kind.startswith("image/") and placeholder("image") in text):
            names.append(placeholder("file", text_of(fields.get("name"), "name")))
    return names
