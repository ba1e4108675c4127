"""Chats as Open WebUI exports them: records with a `chat`, whose tree is `history.messages`.

Reasoning and calls of tools stand in the text there, in <details> elements; a file has its own list.
"""

import re
from collections.abc import Iterable
from html import unescape
from typing import Any, Literal

from qwen_chat.files import json as json_file
from qwen_chat.importers.parsed import (
    Piece,
    Plan,
    count_of,
    list_of,
    object_of,
    placeholder,
    text_of,
    time_of,
)
from qwen_chat.message import MessageRole, Usage

_Role = Literal["system", "user", "assistant"]

_DETAILS = re.compile(
    r'<details type="(?P<type>\w+)"(?P<attributes>[^>]*)>(?P<body>.*?)</details>\n?', re.DOTALL
)
_SUMMARY = re.compile(r"\s*<summary>.*?</summary>\s*", re.DOTALL)
_NAME = re.compile(r'\bname="([^"]*)"')


def is_chat(entry: dict[str, Any]) -> bool:
    """Tell whether an object is such a record, or the chat in one."""
    chat = entry.get("chat", entry)
    return isinstance(chat, dict) and isinstance(chat.get("history"), dict)


def read(entry: dict[str, Any]) -> Plan:
    """Return a conversation of Open WebUI's.

    Raises: ValueError that names the message and its fault.
    """
    chat: dict[str, Any] = entry.get("chat", entry)
    tree = chat["history"]
    messages = object_of(tree.get("messages"), "messages")
    pieces = []
    for number, (id, message) in enumerate(messages.items(), 1):
        try:
            pieces.append(_piece(id, object_of(message, "message")))
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    return Plan(
        text_of(chat.get("title") or entry.get("title"), "title"),
        pieces,
        text_of(tree.get("currentId"), "currentId"),
        text_of(object_of(chat.get("params"), "params").get("system"), "system"),
    )


def _piece(id: str, message: dict[str, Any]) -> Piece:
    role: MessageRole = json_file.choice(message, "role", _Role)
    piece = Piece(id, text_of(message.get("parentId"), "parentId") or None, role)
    piece.created = time_of(message.get("timestamp"), "timestamp")
    text = _content(message.get("content"))
    if role == "assistant":
        piece.reasoning, text = _taken_apart(text)
        piece.model = text_of(message.get("model"), "model")
        piece.usage = _usage(message)
        if message.get("error"):
            piece.finish = "error"
            text = text or _error(message["error"])
        elif message.get("done") is False:
            piece.finish = "interrupted"
    piece.content = "\n\n".join(filter(None, (text, *_files(message))))
    return piece


def _content(content: object) -> str:
    """Return the text of a message, whose parts may be listed one by one."""
    if not isinstance(content, list):
        return text_of(content, "content")
    return "\n".join(filter(None, map(_part, content)))


def _part(part: object) -> str:
    fields = object_of(part, "content")
    kind = text_of(fields.get("type"), "type")
    return text_of(fields.get("text"), "text") if kind == "text" else placeholder(_kind(kind))


def _kind(name: str) -> str:
    return next((known for known in ("image", "audio", "video") if known in name), name or "file")


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer, which stand in one text."""
    thoughts: list[str] = []

    def taken(found: re.Match[str]) -> str:
        if found["type"] == "reasoning":
            thoughts.append(_unquoted(found["body"]))
            return ""
        if found["type"] == "tool_calls":
            name = _NAME.search(found["attributes"])
            return placeholder("tool call", unescape(name[1]) if name else "") + "\n"
        return found[0]

    rest = _DETAILS.sub(taken, text) if "<details" in text else text
    return "\n\n".join(filter(None, thoughts)), rest.lstrip("\n") if thoughts else rest


def _unquoted(body: str) -> str:
    lines = unescape(_SUMMARY.sub("", body)).strip("\n").splitlines()
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)


def _usage(message: dict[str, Any]) -> Usage | None:
    told = message.get("usage")
    if not isinstance(told, dict):
        return None
    counts = [count_of(told.get(name)) for name in ("prompt_tokens", "completion_tokens")]
    return Usage(prompt_tokens=counts[0], completion_tokens=counts[1]) if any(counts) else None


def _error(error: object) -> str:
    told = error.get("content") if isinstance(error, dict) else error
    return f"{placeholder('error')} {told}" if isinstance(told, str) else placeholder("error")


def _files(message: dict[str, Any]) -> Iterable[str]:
    for file in list_of(message.get("files"), "files"):
        fields = object_of(file, "files")
        name = fields.get("name")
        kind = _kind(text_of(fields.get("type"), "type"))
        yield placeholder(kind, text_of(name, "name") if isinstance(name, str) else "")
