"""Conversations as files: the whole tree as JSON that is read back, a branch as Markdown to read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, get_args

from qwen_chat.errors import UsageError
from qwen_chat.history import Answer, History, Node
from qwen_chat.message import FinishReason, Message, Role, Usage

FORMAT = "qwen-chat/1"

_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "an object"}
_INTEGERS = 2**63
"""What the store cannot count to."""

_END_OF_TIME = 253_000_000_000
"""The year 9987, in seconds; calendars end soon after."""

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
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a JSON file: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"not a conversation of qwen-chat: its format should say {FORMAT!r}")
    messages = document.get("messages")
    if not isinstance(messages, list):
        raise UsageError("the list of messages is missing")
    try:
        return _restore(document, messages)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _restore(document: Mapping[str, Any], messages: list[Any]) -> History:
    # The nodes get new ids: the store may still have the conversation that the file was written from.
    known: dict[str, Node] = {}
    for number, entry in enumerate(messages, 1):
        try:
            node = _node(entry, known)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
        known[entry["id"]] = node
    title = " ".join(_field(document, "title", str, "").split())
    head, system = _spoken(document, "head", known), _reference(document, "system", known)
    return History.restore(
        History().id, title, known.values(), head.id if head else None, system.id if system else None
    )


def _node(entry: object, known: Mapping[str, Node]) -> Node:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")
    said, made = _field(entry, "message", dict), _field(entry, "answer", dict, {"finish_reason": "stop"})
    if _field(entry, "id", str) in known:
        raise ValueError("another message has the same id")
    parent = _spoken(entry, "parent", known)
    message = Message(
        _choice(said, "role", Role), _field(said, "content", str), _field(said, "reasoning", str, "")
    )
    created = _field(entry, "created", float)
    if not 0 <= created < _END_OF_TIME:
        raise ValueError("'created' must be in seconds since 1970")
    answer = _answer(made, known) if message.role == "assistant" else None
    return Node(message, parent.id if parent else None, answer, created=created)


def _answer(entry: Mapping[str, Any], known: Mapping[str, Node]) -> Answer:
    system, usage = known.get(_field(entry, "system", str, "")), _field(entry, "usage", dict, None)
    # The file may have been written while the answer was.
    unfinished = entry.get("finish_reason") is None
    return Answer(
        _field(entry, "model", str, ""),
        system.id if system else None,
        _field(entry, "seed", int, None),
        "interrupted" if unfinished else _choice(entry, "finish_reason", FinishReason),
        _usage(usage) if usage is not None else None,
    )


def _usage(entry: Mapping[str, Any]) -> Usage:
    kinds = {field.name: float if field.name.endswith("seconds") else int for field in fields(Usage)}
    return Usage(**{name: _field(entry, name, kind, kind()) for name, kind in kinds.items()})


def _reference(entry: Mapping[str, Any], name: str, known: Mapping[str, Node]) -> Node | None:
    """Return the message that a field names by its id; it must have come before."""
    id = _field(entry, name, str, None)
    if id is not None and id not in known:
        raise ValueError(f"{name!r} names a message that is missing or comes later")
    return known[id] if id is not None else None


def _spoken(entry: Mapping[str, Any], name: str, known: Mapping[str, Node]) -> Node | None:
    node = _reference(entry, name, known)
    if node is not None and node.message.role == "system":
        raise ValueError(f"{name!r} must not name a system prompt")
    return node


def _choice(entry: Mapping[str, Any], name: str, kind: Any) -> Any:  # noqa: ANN401 - a Literal
    value = entry.get(name)
    if value not in get_args(kind):
        raise ValueError(f"{name!r} must be one of {', '.join(get_args(kind))}")
    return value


def _field(entry: Mapping[str, Any], name: str, kind: type, *default: Any) -> Any:  # noqa: ANN401
    """Return a value that can be kept, or the default where it is missing or null.

    Raises: ValueError.
    """
    value = entry.get(name)
    if value is None and default:
        return default[0]
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds or not _can_be_kept(value):
        raise ValueError(f"{name!r} must be {_KINDS[kind]}")
    return kind(value)


def _can_be_kept(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode(errors="ignore").decode() == value
    return not isinstance(value, int | float) or abs(value) < _INTEGERS


def _section(node: Node) -> str:
    when = datetime.fromtimestamp(node.created).strftime("%Y-%m-%d %H:%M")
    cut = node.answer is not None and node.answer.finish_reason not in (None, "stop")
    note = f" · {node.answer.finish_reason}" if cut and node.answer else ""
    return f"## {_NAMES[node.message.role]} · {when}{note}\n\n{node.message.content}"
