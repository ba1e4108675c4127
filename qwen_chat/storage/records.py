"""Rows of the database as values, and values as the columns of rows."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from qwen_chat.files.validation import convert
from qwen_chat.history import AnswerDetails, Node
from qwen_chat.message import Attachment, Message, MessageRole, ToolCall, Usage
from qwen_chat.storage.schema import to_json_list

T = TypeVar("T", Attachment, ToolCall)


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list; `updated` is in seconds since the epoch."""

    id: str
    title: str
    updated: float
    messages: int
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that holds the words of a search; `excerpt` has the words in «»."""

    conversation: str
    title: str
    updated: float
    message: str
    role: MessageRole
    content: str
    excerpt: str


def summary_from_row(row: tuple[Any, ...]) -> Summary:
    """Return what a list shows of a conversation."""
    id, title, updated, messages, pinned = row
    return Summary(id, title, updated, messages, bool(pinned))


def node_from_row(row: tuple[Any, ...], drafts: dict[str, tuple[str, str]]) -> Node:
    """Return a message; an answer without a finish reason gets the text of its drafts."""
    id, parent, role, content, reasoning, created, *generation, calls, call_id, name, files = row
    model, system, seed, finish, usage = generation
    if finish is None:
        draft, finish = drafts.get(id, ("", "")), "interrupted"
        content, reasoning = content + draft[0], reasoning + draft[1]
    known = convert(json.loads(usage), Usage, "usage") if usage else None
    answer = AnswerDetails(model or "", system, seed, finish, known) if role == "assistant" else None
    message = Message(
        role,
        content,
        reasoning,
        _load_list(ToolCall, calls),
        call_id or "",
        name or "",
        _load_list(Attachment, files),
    )
    return Node(message, parent, answer, id, created)


def join_drafts(rows: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, str]]:
    """Return the text and reasoning of drafts by their message; `rows` are in the order of the pieces."""
    drafts: dict[str, tuple[str, str]] = {}
    for message, content, reasoning in rows:
        before = drafts.get(message, ("", ""))
        drafts[message] = (before[0] + content, before[1] + reasoning)
    return drafts


def _load_list(kind: type[T], column: str | None) -> tuple[T, ...]:
    return tuple(convert(json.loads(column or "[]"), list[kind]))  # type: ignore[valid-type]


def message_row(conversation: str, node: Node) -> tuple[Any, ...]:
    """Return the values for INSERT_MESSAGE; only an answer that is being written has no finish reason."""
    message, answer = node.message, node.answer or AnswerDetails()
    usage = json.dumps(asdict(answer.usage)) if answer.usage else None
    finish = answer.finish_reason if node.answer else "stop"
    return (
        conversation, node.id, node.parent, message.role, message.content, message.reasoning, node.created,
        answer.model, answer.system, answer.seed, finish, usage, to_json_list(message.tool_calls),
        message.tool_call_id or None, message.name or None, to_json_list(message.attachments),
    )  # fmt: skip


def first_message_key(node: Node) -> tuple[float, str]:
    """Return what tells one conversation from another by its first message."""
    return node.created, node.message.content


def compared_values(nodes: list[Node]) -> set[tuple[object, ...]]:
    """Return the values of SELECT_COMPARED for messages."""
    return {
        (
            node.message.role, node.message.content, node.message.reasoning, node.created,
            to_json_list(node.message.tool_calls), to_json_list(node.message.attachments),
        )
        for node in nodes
    }  # fmt: skip
