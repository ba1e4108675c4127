"""Conversations as our own JSON: the whole tree, every branch of it, read back by the byte."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import split_files
from qwen_chat.files.json import parse_json
from qwen_chat.files.validation import Integer, Struct, Text, convert
from qwen_chat.history import AnswerDetails, History, Node
from qwen_chat.message import Attachment, FinishReason, Message, MessageRole, ToolCall, Usage

FORMAT = "qwen-chat/2"
FORMATS = ("qwen-chat/1", FORMAT)
"""The formats that can be read; messages of the first one hold attached files as fenced text."""

_END_OF_TIME = 253_000_000_000
"""The year 9987, in seconds; calendars end soon after."""


class _ToolCall(Struct):
    id: Text
    name: Text
    arguments: Text


class _Attachment(Struct):
    name: Text
    text: Text


class _Message(Struct):
    role: MessageRole
    content: Text
    reasoning: Text | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: Text | None = None
    name: Text | None = None
    attachments: list[_Attachment] | None = None


class _Answer(Struct):
    model: Text | None = None
    system: Text | None = None
    seed: Integer | None = None
    finish_reason: FinishReason | None = None
    usage: dict[str, Any] | None = None


class _Node(Struct):
    id: Text
    message: _Message
    created: float
    parent: Text | None = None
    answer: _Answer | None = None


class _Document(Struct):
    format: str
    messages: list[Any]
    title: Text | None = None
    role: Text | None = None
    head: Text | None = None
    system: Text | None = None


def to_json(history: History) -> str:
    """Return the whole conversation, every branch of it, as `from_json` reads it."""
    return json.dumps(to_document(history), ensure_ascii=False, indent=1) + "\n"


def to_document(history: History) -> dict[str, Any]:
    """Return what `to_json` writes, as a value."""
    return {
        "format": FORMAT,
        "id": history.id,
        "title": history.title,
        "role": history.role,
        "head": history.head,
        "system": history.system.id if history.system else None,
        "messages": [asdict(node) for node in history.nodes()],
    }


def from_json(text: str) -> History:
    """Read what `to_json` wrote, as a new conversation.

    Raises: UsageError that names the message at fault and why.
    """
    try:
        return from_document(parse_json(text))
    except ValueError as error:
        raise UsageError(str(error)) from None


def from_document(document: object) -> History:
    """Read a conversation from a value that `to_json` wrote.

    Raises: ValueError that names the message at fault and why.
    """
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        names = " or ".join(map(repr, FORMATS))
        raise ValueError(f"not a conversation of qwen-chat: its format should say {names}")
    return _restore(convert(document, _Document))


def _restore(document: _Document) -> History:
    # The nodes get new ids: the store may still have the conversation that the file was written from.
    known: dict[str, Node] = {}
    for number, value in enumerate(document.messages, 1):
        try:
            entry = convert(value, _Node)
            node = _convert_node(entry, known, fenced=document.format == FORMATS[0])
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
        known[entry.id] = node
    head, system = _find_spoken(document.head, "head", known), _find(document.system, "system", known)
    return History.restore(
        History().id,
        " ".join((document.title or "").split()),
        known.values(),
        head.id if head else None,
        system.id if system else None,
        role=document.role,
    )


def _convert_node(entry: _Node, known: Mapping[str, Node], *, fenced: bool) -> Node:
    if entry.id in known:
        raise ValueError("another message has the same id")
    parent = _find_spoken(entry.parent, "parent", known)
    if not 0 <= entry.created < _END_OF_TIME:
        raise ValueError("'created' must be in seconds since 1970")
    message = _convert_message(entry.message)
    if fenced and message.role == "user":
        attachments, content = split_files(message.content)
        message = replace(message, content=content, attachments=attachments)
    answer = _convert_answer(entry.answer, known) if message.role == "assistant" else None
    return Node(message, parent.id if parent else None, answer, created=entry.created)


def _convert_message(entry: _Message) -> Message:
    return Message(
        entry.role,
        entry.content,
        entry.reasoning or "",
        tuple(ToolCall(each.id, each.name, each.arguments) for each in entry.tool_calls or []),
        entry.tool_call_id or "",
        entry.name or "",
        tuple(Attachment(each.name, each.text) for each in entry.attachments or []),
    )


def _convert_answer(entry: _Answer | None, known: Mapping[str, Node]) -> AnswerDetails:
    if entry is None:
        return AnswerDetails(finish_reason="stop")
    system = known.get(entry.system or "")
    return AnswerDetails(
        entry.model or "",
        system.id if system else None,
        entry.seed,
        # The file may have been written while the answer was.
        entry.finish_reason or "interrupted",
        _convert_usage(entry.usage) if entry.usage is not None else None,
    )


def _convert_usage(entry: Mapping[str, Any]) -> Usage:
    kinds: dict[str, Any] = {
        each.name: float if each.name.endswith("seconds") else Integer for each in fields(Usage)
    }
    values = {
        name: convert(entry[name], kind, f"answer.usage.{name}")
        for name, kind in kinds.items()
        if entry.get(name) is not None
    }
    return Usage(**values)


def _find(id: str | None, field: str, known: Mapping[str, Node]) -> Node | None:
    """Return the message that a field names by its id; it must have come before."""
    if id is None:
        return None
    if id not in known:
        raise ValueError(f"{field!r} names a message that is missing or comes later")
    return known[id]


def _find_spoken(id: str | None, field: str, known: Mapping[str, Node]) -> Node | None:
    node = _find(id, field, known)
    if node is not None and node.message.role == "system":
        raise ValueError(f"{field!r} must not name a system prompt")
    return node
