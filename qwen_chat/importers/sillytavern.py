"""Reads the chats of SillyTavern: the first of the JSON Lines names the persons, the others are messages."""

import re
from datetime import UTC, datetime
from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.chain import Chain
from qwen_chat.importers.parsed import ParsedConversation
from qwen_chat.text import plural

ENTRY = "sillytavern_messages"
"""The key under which the lines of one chat are put together."""

_OLDER = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@(\d{1,2})h (\d{1,2})m (\d{1,2})s")
_IN_WORDS = "%B %d, %Y %I:%M%p"


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object holds the lines of a chat."""
    return ENTRY in entry


def is_head(value: object) -> bool:
    """Return whether a line is the first of a chat."""
    return (
        isinstance(value, dict)
        and "mes" not in value
        and ("chat_metadata" in value or ("user_name" in value and "character_name" in value))
    )


def is_message(value: object) -> bool:
    """Return whether a line is a message."""
    return isinstance(value, dict) and "mes" in value and ("is_user" in value or "name" in value)


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a chat, with all the versions of answers ("swipes").

    Raises: ValueError that names the message and its fault.
    """
    chain, hidden = Chain(), 0
    for number, line in enumerate(entry[ENTRY], 1):
        try:
            _add_message(chain, line)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None
        hidden += line.get("is_system") is True
    notes = (
        [f"{plural(hidden, 'message')} that the model did not see came in as the others"] if hidden else []
    )
    return ParsedConversation(_title(entry), chain.messages, chain.head, notes=notes)


def _add_message(chain: Chain, line: dict[str, Any]) -> None:
    text = parsed.text_of(line.get("mes"), "mes")
    role = "user" if line.get("is_user") is True else "assistant"
    swipes = [
        parsed.text_of(each, "swipes")
        for each in line.get("swipes") or ()
        if each is None or isinstance(each, str)
    ]
    chosen = line.get("swipe_id")
    index = chosen if isinstance(chosen, int) and 0 <= chosen < len(swipes) else None
    if role == "user" or index is None:
        added = [chain.add("user" if role == "user" else "assistant", text)]
    else:
        swipes[index] = text  # the message may have been edited since
        added = chain.add_versions("assistant", swipes, index)
    extra = parsed.object_of(line.get("extra"), "extra")
    for message in added:
        message.created = _time(line.get("send_date"))
        if message.role == "assistant" and isinstance(extra.get("model"), str):
            message.model = parsed.text_of(extra["model"], "model")
    if added[0].role == "assistant" and isinstance(extra.get("reasoning"), str) and chain.last:
        chain.last.reasoning = parsed.text_of(extra["reasoning"], "reasoning")


def _title(entry: dict[str, Any]) -> str:
    name = entry.get("character_name")
    return parsed.text_of(name, "character_name") if isinstance(name, str) and name != "unused" else ""


def _time(value: object) -> float | None:
    """Return a time, which SillyTavern has written in several ways."""
    if (known := parsed.time_of(value)) is not None or not isinstance(value, str):
        return known
    if found := _OLDER.match(value):
        numbers = [int(number) for number in found.groups()]
        try:
            return datetime(*numbers, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
        except ValueError:
            return None
    try:
        return datetime.strptime(value.upper().title(), _IN_WORDS).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
