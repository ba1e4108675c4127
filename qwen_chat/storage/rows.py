"""What the store's rows are, as values."""

import json
from dataclasses import dataclass
from typing import Any

from qwen_chat.history import Answer, Node
from qwen_chat.message import Message, MessageRole, Usage
from qwen_chat.storage.database import MARKS, joined


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
    """A message that holds the words searched for; `excerpt` is what stands around them, the words in «»."""

    conversation: str
    title: str
    updated: float
    message: str
    role: MessageRole
    content: str
    excerpt: str


def node_from(row: tuple[Any, ...], drafts: dict[str, tuple[str, str]]) -> Node:
    """Return a message; an answer that was cut off is what was drafted of it."""
    id, parent, role, content, reasoning, created, model, system, seed, finish, usage = row
    if finish is None:
        more, finish = drafts.get(id, ("", "")), "interrupted"
        content, reasoning = content + more[0], reasoning + more[1]
    known = Usage(**json.loads(usage)) if usage else None
    answer = Answer(model or "", system, seed, finish, known) if role == "assistant" else None
    return Node(Message(role, content, reasoning), parent, answer, id, created)


def excerpt(marked: str) -> str:
    """Return what the index cut out, on one line, with the words found in «»."""
    line = " ".join(joined(marked).split())
    return line.replace(MARKS[0], "«").replace(MARKS[1], "»").replace("» «", " ").replace("»«", "")


def beginning(node: Node) -> tuple[float, str]:
    """Return what tells one conversation from another by its first message."""
    return node.created, node.message.content


def said(nodes: list[Node]) -> set[tuple[object, ...]]:
    """Return what was said in a conversation and when, in the order of the columns that are compared."""
    said = ((node.message, node.created) for node in nodes)
    return {(message.role, message.content, message.reasoning, created) for message, created in said}
