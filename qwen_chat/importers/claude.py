"""Reads the export of Claude: conversations with `chat_messages`, whose texts may be split into blocks."""

from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.content import read_content, read_reasoning
from qwen_chat.importers.parsed import ParsedConversation, ParsedMessage
from qwen_chat.importers.roles import Speakers
from qwen_chat.message import Attachment


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a conversation of Claude."""
    return isinstance(entry.get("chat_messages"), list)


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a conversation, with all branches where the export names the parents.

    Raises: ValueError that names the message and its fault.
    """
    speakers, messages = Speakers(), list[ParsedMessage]()
    records = [parsed.object_of(record, "message") for record in entry["chat_messages"]]
    known = {record.get("uuid") for record in records if isinstance(record.get("uuid"), str)}
    for number, record in enumerate(records, 1):
        try:
            before = messages[-1] if messages else None
            messages.append(_parse_message(number, record, before, known, speakers))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    head = entry.get("current_leaf_message_uuid")
    return ParsedConversation(
        parsed.text_of(entry.get("name"), "name"),
        messages,
        head if isinstance(head, str) and head in known else (messages[-1].id if messages else None),
        notes=speakers.notes(),
    )


def _parse_message(
    number: int,
    record: dict[str, Any],
    before: ParsedMessage | None,
    known: set[Any],
    speakers: Speakers,
) -> ParsedMessage:
    id, parent = record.get("uuid"), record.get("parent_message_uuid")
    speaker = speakers.find(record.get("sender"), before.role if before else None)
    message = ParsedMessage(
        id if isinstance(id, str) else f"message {number}",
        _parent(parent, before, known),
        speaker.role,
    )
    text = read_content(record.get("content")) or read_content(record.get("text"), "text")
    names = [parsed.placeholder("file", name) for name in _names(record.get("files"))]
    message.content = "\n\n".join(filter(None, (text, *names)))
    message.reasoning = read_reasoning(record) if speaker.role == "assistant" else ""
    message.attachments = tuple(_attachments(record))
    message.created = parsed.time_of(record.get("created_at"))
    return message


def _parent(parent: object, before: ParsedMessage | None, known: set[Any]) -> str | None:
    """Return the parent of a message: without a name, the message before it; an unknown one is the root."""
    if isinstance(parent, str):
        return parent if parent in known else None
    return before.id if before else None


def _attachments(record: dict[str, Any]) -> list[Attachment]:
    found = []
    for item in parsed.list_of(record.get("attachments"), "attachments"):
        fields = parsed.object_of(item, "attachments")
        name, text = fields.get("file_name"), fields.get("extracted_content")
        if isinstance(text, str) and text:
            label = parsed.text_of(name, "file_name") if isinstance(name, str) and name else "file"
            found.append(Attachment(label, parsed.text_of(text, "extracted_content")))
    return found


def _names(files: object) -> list[str]:
    items = files if isinstance(files, list) else []
    names = [item.get("file_name") for item in items if isinstance(item, dict)]
    return [parsed.text_of(name, "file_name") for name in names if isinstance(name, str)]
