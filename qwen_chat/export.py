"""Conversations as files: the whole tree as JSON that is read back, a branch as Markdown to read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, get_args

from qwen_chat.errors import UsageError
from qwen_chat.history import Answer, History, Node
from qwen_chat.message import FinishReason, Message, Role, Usage

FORMAT = "qwen-chat/1"

_NAMES: dict[Role, str] = {"system": "System", "user": "You", "assistant": "Assistant"}


def to_markdown(history: History) -> str:
    """Return the branch in view for reading; what was said is not changed by a byte."""
    parts = [f"# {history.title or 'Conversation'}"]
    if history.system is not None and history.system.message.content:
        parts.append(_section(history.system))
    parts += [_section(node) for node in history.path()]
    return "\n\n".join(parts) + "\n"


def to_json(history: History) -> str:
    """Return the whole conversation, every branch of it, as `from_json` reads it."""
    document = {
        "format": FORMAT,
        "id": history.id,
        "title": history.title,
        "head": history.head,
        "system": history.system.id if history.system else None,
        "messages": [asdict(node) for node in history.nodes()],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> History:
    """Read what `to_json` wrote, as a new conversation.

    Raises: UsageError that names the message at fault and why.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"not a JSON file: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"not a conversation of qwen-chat: its format should say {FORMAT!r}")
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise UsageError("the list of messages is missing")
    history = _restore(document, messages)
    _check_tree(history)
    return history


def _restore(document: Mapping[str, Any], messages: list[Any]) -> History:
    nodes = [_node(number, entry) for number, entry in enumerate(messages, 1)]
    fresh = History()
    title = document.get("title")
    return History.restore(
        fresh.id, title if isinstance(title, str) else "", nodes, document.get("head"), document.get("system")
    )


def _check_tree(history: History) -> None:
    seen: set[str | None] = {None}
    for number, node in enumerate(history.nodes(), 1):
        if node.parent not in seen:
            raise UsageError(f"message {number}: the message it follows is missing or comes later")
        seen.add(node.id)


def _node(number: int, entry: Any) -> Node:  # noqa: ANN401 - whatever a file holds
    try:
        message = Message(**entry["message"])
        answer = _answer(entry["answer"]) if entry.get("answer") else None
        node = Node(message, entry.get("parent"), answer, str(entry["id"]), float(entry["created"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"message {number}: {type(error).__name__} {error}") from None
    texts = (message.content, message.reasoning)
    if message.role not in get_args(Role) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"message {number}: needs a role ({', '.join(get_args(Role))}) and text")
    return node


def _answer(entry: Mapping[str, Any]) -> Answer:
    fields = dict(entry)
    usage = fields.pop("usage", None)
    answer = Answer(**fields, usage=Usage(**usage) if usage else None)
    if answer.finish_reason not in get_args(FinishReason):
        raise ValueError(f"unknown finish_reason {answer.finish_reason!r}")
    return answer


def _section(node: Node) -> str:
    when = datetime.fromtimestamp(node.created).strftime("%Y-%m-%d %H:%M")
    cut = node.answer is not None and node.answer.finish_reason not in (None, "stop")
    note = f" · {node.answer.finish_reason}" if cut and node.answer else ""
    return f"## {_NAMES[node.message.role]} · {when}{note}\n\n{node.message.content}"
