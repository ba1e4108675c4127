"""Formats lists of saved conversations as lines of text, which terminal, page and commands show."""

from collections.abc import Sequence

from qwen_chat.storage.search import SearchResult
from qwen_chat.storage.store import Summary
from qwen_chat.text import format_time, plural

_HITS_PER_CHAT = 3
_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool"}


def format_summaries(chats: Sequence[Summary]) -> list[str]:
    """Return a numbered line for each conversation."""
    return [
        f"{number:>3}  {chat.id}  {format_time(chat.updated)}  {chat.messages:>4} messages  {chat.title}"
        for number, chat in enumerate(chats, 1)
    ]


def format_results(results: Sequence[SearchResult]) -> list[str]:
    """Return a numbered line for each conversation that a search found, and lines with its first hits."""
    lines: list[str] = []
    for number, chat in enumerate(results, 1):
        lines.append(f"{number:>3}  {chat.id}  {format_time(chat.updated)}  {chat.title}")
        lines += [f"       {_NAMES[hit.role]}: {hit.excerpt}" for hit in chat.hits[:_HITS_PER_CHAT]]
        more = len(chat.hits) - _HITS_PER_CHAT
        if more > 0:
            lines.append(f"       and {more} more")
    return lines


def describe_summary(chat: Summary) -> str:
    """Return the title, size and date of a conversation."""
    return f'"{chat.title}" ({plural(chat.messages, "message")}, last {format_time(chat.updated)})'
