"""Reads the export of Open WebUI: records with a `chat`, whose tree is `history.messages`.

There, reasoning and tool calls stand in the text within <details> elements; files have a list of their own.
"""

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.parsed import ParsedConversation, ParsedMessage
from qwen_chat.importers.roles import Speakers
from qwen_chat.message import Usage

_DETAILS = re.compile(
    r'<details type="(?P<type>\w+)"(?P<attributes>[^>]*)>(?P<body>.*?)</details>\n?', re.DOTALL
)
_SUMMARY = re.compile(r"\s*<summary>.*?</summary>\s*", re.DOTALL)
_NAME = re.compile(r'\bname="([^"]*)"')


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a record of Open WebUI, or the chat in one."""
    chat = entry.get("chat", entry)
    return isinstance(chat, dict) and isinstance(chat.get("history"), dict)


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a conversation.

    Raises: ValueError that names the message and its fault.
    """
    chat: dict[str, Any] = entry.get("chat", entry)
    tree = chat["history"]
    records = parsed.object_of(tree.get("messages"), "messages")
    speakers, messages = Speakers(), dict[str, ParsedMessage]()
    parents = _parents(records)
    for number, (id, message) in enumerate(records.items(), 1):
        try:
            fields = parsed.object_of(message, "message")
            before = messages.get(parents.get(id) or "")
            messages[id] = _parse_message(id, parents.get(id), fields, before, speakers)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    return ParsedConversation(
        parsed.text_of(chat.get("title") or entry.get("title"), "title"),
        [*messages.values()],
        parsed.text_of(tree.get("currentId"), "currentId"),
        parsed.text_of(parsed.object_of(chat.get("params"), "params").get("system"), "system"),
        speakers.notes(),
    )


def _parents(records: dict[str, Any]) -> dict[str, str | None]:
    """Return the parent of each message, also where only the parent names its children."""
    parents: dict[str, str | None] = {}
    for id, message in records.items():
        if isinstance(message, dict) and isinstance(message.get("childrenIds"), list):
            parents |= {child: id for child in message["childrenIds"] if isinstance(child, str)}
    for id, message in records.items():
        parent = message.get("parentId") if isinstance(message, dict) else None
        if isinstance(parent, str) and parent in records:
            parents[id] = parent
    return parents


def _parse_message(
    id: str,
    parent: str | None,
    message: dict[str, Any],
    before: ParsedMessage | None,
    speakers: Speakers,
) -> ParsedMessage:
    answers = "model" in message or "done" in message
    speaker = speakers.find(message.get("role"), before.role if before else None, answers=answers)
    result = ParsedMessage(id, parent, speaker.role)
    result.created = parsed.time_of(message.get("timestamp"))
    text = _read_content(message.get("content"))
    if speaker.role == "assistant":
        text = _read_answer(message, text, result)
    if speaker.label:
        result.continues_answer, text = True, f"{parsed.placeholder(speaker.label)} {text}".rstrip()
    result.content = "\n\n".join(filter(None, (text, *_file_names(message))))
    return result


def _read_answer(message: dict[str, Any], text: str, result: ParsedMessage) -> str:
    """Set what only answers have, and return the text without its reasoning."""
    result.reasoning, text = _split_reasoning(text)
    result.model = parsed.text_of(message.get("model"), "model")
    result.usage = _usage(message)
    if message.get("error"):
        result.finish = "error"
        return text or _error_text(message["error"])
    if message.get("done") is False:
        result.finish = "interrupted"
    return text


def _read_content(content: object) -> str:
    """Return the text of a message, which may be a list of parts."""
    if not isinstance(content, list):
        return parsed.text_of(content, "content")
    return "\n".join(filter(None, map(_read_part, content)))


def _read_part(part: object) -> str:
    fields = parsed.object_of(part, "content")
    kind = parsed.text_of(fields.get("type"), "type")
    return (
        parsed.text_of(fields.get("text"), "text")
        if kind == "text"
        else parsed.placeholder(_media_kind(kind))
    )


def _media_kind(name: str) -> str:
    return next((known for known in ("image", "audio", "video") if known in name), name or "file")


def _split_reasoning(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer of a text that has both."""
    thoughts: list[str] = []

    def take_out(found: re.Match[str]) -> str:
        if found["type"] == "reasoning":
            thoughts.append(_unquote(found["body"]))
            return ""
        if found["type"] == "tool_calls":
            name = _NAME.search(found["attributes"])
            return parsed.placeholder("tool call", unescape(name[1]) if name else "") + "\n"
        return found[0]

    rest = _DETAILS.sub(take_out, text) if "<details" in text else text
    return "\n\n".join(filter(None, thoughts)), rest.lstrip("\n") if thoughts else rest


def _unquote(body: str) -> str:
    lines = unescape(_SUMMARY.sub("", body)).strip("\n").splitlines()
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)


def _usage(message: dict[str, Any]) -> Usage | None:
    usage = message.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = [parsed.count_of(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
    return Usage(prompt_tokens=counts[0], completion_tokens=counts[1]) if any(counts) else None


def _error_text(error: object) -> str:
    text = error.get("content") if isinstance(error, dict) else error
    return f"{parsed.placeholder('error')} {text}" if isinstance(text, str) else parsed.placeholder("error")


def _file_names(message: dict[str, Any]) -> Iterable[str]:
    for file in parsed.list_of(message.get("files"), "files"):
        fields = parsed.object_of(file, "files")
        name = fields.get("name")
        kind = _media_kind(parsed.text_of(fields.get("type"), "type"))
        yield parsed.placeholder(kind, parsed.text_of(name, "name") if isinstance(name, str) else "")
