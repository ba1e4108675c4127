"""Reads the conversations of LM Studio: `messages` with `versions`, one of them `currentlySelected`."""

from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.chain import Chain
from qwen_chat.importers.content import read_content
from qwen_chat.importers.parsed import ParsedConversation
from qwen_chat.importers.roles import Speakers


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a conversation of LM Studio."""
    messages = entry.get("messages")
    return isinstance(messages, list) and any(
        isinstance(message, dict) and isinstance(message.get("versions"), list) for message in messages
    )


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a conversation, with all their versions.

    Raises: ValueError that names the message and its fault.
    """
    chain, speakers = Chain(), Speakers()
    for number, record in enumerate(entry["messages"], 1):
        try:
            _add_message(chain, parsed.object_of(record, "message"), speakers)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
    if chain.messages:
        chain.messages[0].created = parsed.time_of(entry.get("createdAt"))
    return ParsedConversation(
        parsed.text_of(entry.get("name"), "name"),
        chain.messages,
        chain.head,
        parsed.text_of(entry.get("systemPrompt"), "systemPrompt"),
        speakers.notes(),
    )


def _add_message(chain: Chain, record: dict[str, Any], speakers: Speakers) -> None:
    versions = [
        parsed.object_of(each, "versions") for each in parsed.list_of(record.get("versions"), "versions")
    ]
    selected = record.get("currentlySelected")
    chosen = selected if isinstance(selected, int) else 0
    before, heads = chain.last, []
    for version in versions:
        chain.last = before
        speaker = speakers.find(version.get("role"), before.role if before else None)
        thought, text = _read_version(version)
        chain.add(speaker.role, text, reasoning=thought if speaker.role == "assistant" else "")
        heads.append(chain.last)
    if heads:
        chain.last = heads[chosen if 0 <= chosen < len(heads) else -1]


def _read_version(version: dict[str, Any]) -> tuple[str, str]:
    """Return the reasoning and the text of a version, which may consist of steps."""
    if not isinstance(version.get("steps"), list):
        return "", read_content(version.get("content"))
    thoughts, texts = list[str](), list[str]()
    for step in version["steps"]:
        fields = parsed.object_of(step, "steps")
        style = parsed.object_of(fields.get("style"), "style").get("type")
        text = read_content(fields.get("content")) if fields.get("type") == "contentBlock" else ""
        (thoughts if style == "thinking" else texts).append(text)
    return "\n\n".join(filter(None, thoughts)), "\n\n".join(filter(None, texts))
