"""Conversations found again: in a list, by their words, by a number or an id; as text for any front end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qwen_chat.errors import UsageError
from qwen_chat.storage.store import Hit, Store, Summary
from qwen_chat.text import format_time, plural

_MOST_HITS = 60
_MOST_CHATS = 20
_SHOWN_OF_EACH = 3
_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation with the words searched for: in some of its messages, or in its title alone."""

    id: str
    title: str
    updated: float
    hits: list[Hit] = field(default_factory=list)


def search(store: Store, words: str) -> list[Found]:
    """Return the conversations that hold all the words, those first whose messages do so best.

    Raises: UsageError when there are no words.
    """
    if not words.strip():
        raise UsageError("say what to search for, for example: tides moon")
    found: dict[str, Found] = {}
    for hit in store.search(words, _MOST_HITS):
        chat = found.setdefault(hit.conversation, Found(hit.conversation, hit.title, hit.updated))
        chat.hits.append(hit)
    for each in store.titled(words, _MOST_CHATS):
        found.setdefault(each.id, Found(each.id, each.title, each.updated))
    return list(found.values())[:_MOST_CHATS]


def pick(store: Store, argument: str, listed: Sequence[str]) -> str:
    """Return the id of the conversation that a person means: by its number in a list, or by its id.

    Raises: UsageError.
    """
    if argument.isdecimal() and 1 <= int(argument[:9]) <= len(listed):
        argument = listed[int(argument) - 1]
    elif argument.isdecimal() and len(argument) < 4:
        raise UsageError(f"no chat {argument} in the list: it has {len(listed)}, or give an id")
    return store.summary(argument).id


def listed_lines(chats: Sequence[Summary]) -> list[str]:
    """Return a line for each conversation, numbered."""
    return [
        f"{number:>3}  {chat.id}  {format_time(chat.updated)}  {chat.messages:>4} messages  {chat.title}"
        for number, chat in enumerate(chats, 1)
    ]


def found_lines(found: Sequence[Found]) -> list[str]:
    """Return what was found, numbered, with the words in their places."""
    lines: list[str] = []
    for number, chat in enumerate(found, 1):
        lines.append(f"{number:>3}  {chat.id}  {format_time(chat.updated)}  {chat.title}")
        lines += [f"       {_NAMES[hit.role]}: {hit.excerpt}" for hit in chat.hits[:_SHOWN_OF_EACH]]
        more = len(chat.hits) - _SHOWN_OF_EACH
        if more > 0:
            lines.append(f"       and {more} more")
    return lines


def described(chat: Summary) -> str:
    """Return which conversation one is, in words."""
    return f'"{chat.title}" ({plural(chat.messages, "message")}, last {format_time(chat.updated)})'
