"""Conversations as our own JSON: the whole tree, every branch of it, read back by the byte."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import split_files
from qwen_chat.files.json import choice, field, parse
from qwen_chat.history import AnswerDetails, History, Node
from qwen_chat.message import Attachment, FinishReason, Message, MessageRole, ToolCall, Usage

FORMAT = "qwen-chat/2"
FORMATS = ("qwen-chat/1", FORMAT)
"""The formats that can be read; messages of the first one hold attached files as fenced text."""

T = TypeVar("T", ToolCall, Attachment)

_END_OF_TIME = 253_000_000_000
"""The year 9987, in seconds; calendars end soon after."""


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
        return from_document(parse(text))
    except ValueError as error:
        raise UsageError(str(error)) from None


def from_document(document: object) -> History:
    """Read a conversation from a value that `to_json` wrote.

    Raises: ValueError that names the message at fault and why.
    """
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        names = " or ".join(map(repr, FORMATS))
        raise ValueError(f"not a conversation of qwen-chat: its format should say {names}")
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise ValueError("the list of messages is missing")
    return _restore(document, messages)


def _restore(document: Mapping[str, Any], messages: list[Any]) -> History:
    # The nodes get new ids: the store may still have the conversation that the file was written from.
    known: dict[str, Node] = {}
    fenced = document["format"] == FORMATS[0]
    for number, entry in enumerate(messages, 1):
        try:
            node = _node(entry, known, fenced=fenced)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
        known[entry["id"]] = node
    title = " ".join(field(document, "title", str, "").split())
    head, system = _spoken(document, "head", known), _reference(document, "system", known)
    return History.restore(
        History().id,
        title,
        known.values(),
        head.id if head else None,
        system.id if system else None,
        role=field(document, "role", str, None),
    )


def _node(entry: object, known: Mapping[str, Node], *, fenced: bool) -> Node:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")
    said, made = field(entry, "message", dict), field(entry, "answer", dict, {"finish_reason": "stop"})
    if field(entry, "id", str) in known:
        raise ValueError("another message has the same id")
    parent = _spoken(entry, "parent", known)
    message = _message(said)
    if fenced and message.role == "user":
        attachments, content = split_files(message.content)
        message = replace(message, content=content, attachments=attachments)
    created = field(entry, "created", float)
    if not 0 <= created < _END_OF_TIME:
        raise ValueError("'created' must be in seconds since 1970")
    answer = _answer(made, known) if message.role == "assistant" else None
    return Node(message, parent.id if parent else None, answer, created=created)


def _message(entry: Mapping[str, Any]) -> Message:
    return Message(
        choice(entry, "role", MessageRole),
        field(entry, "content", str),
        field(entry, "reasoning", str, ""),
        tuple(_record(ToolCall, each) for each in field(entry, "tool_calls", list, [])),
        field(entry, "tool_call_id", str, ""),
        field(entry, "name", str, ""),
        tuple(_record(Attachment, each) for each in field(entry, "attachments", list, [])),
    )


def _record(kind: type[T], entry: object) -> T:
    """Return a value whose fields are all text."""
    if not isinstance(entry, dict):
        raise ValueError("a tool call or an attachment must be an object")
    return kind(*(field(entry, each.name, str) for each in fields(kind)))


def _answer(entry: Mapping[str, Any], known: Mapping[str, Node]) -> AnswerDetails:
    system, usage = known.get(field(entry, "system", str, "")), field(entry, "usage", dict, None)
    # The file may have been written while the answer was.
    unfinished = entry.get("finish_reason") is None
    return AnswerDetails(
        field(entry, "model", str, ""),
        system.id if system else None,
        field(entry, "seed", int, None),
        "interrupted" if unfinished else choice(entry, "finish_reason", FinishReason),
        _usage(usage) if usage is not None else None,
    )


def _usage(entry: Mapping[str, Any]) -> Usage:
    kinds = {each.name: float if each.name.endswith("seconds") else int for each in fields(Usage)}
    return Usage(**{name: field(entry, name, kind, kind()) for name, kind in kinds.items()})


def _reference(entry: Mapping[str, Any], name: str, known: Mapping[str, Node]) -> Node | None:
    """Return the message that a field names by its id; it must have come before."""
    id = field(entry, name, str, None)
    if id is not None and id not in known:
        raise ValueError(f"{name!r} names a message that is missing or comes later")
    return known[id] if id is not None else None


def _spoken(entry: Mapping[str, Any], name: str, known: Mapping[str, Node]) -> Node | None:
    node = _reference(entry, name, known)
    if node is not None and node.message.role == "system":
        raise ValueError(f"{name!r} must not name a system prompt")
    return node
