"""Finds saved conversations by words, by a number in a list, or by an id."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qwen_chat.errors import UsageError
from qwen_chat.storage.store import Hit, Store

_MOST_HITS = 60
_MOST_CHATS = 20


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A conversation that has the words of a search in some messages, or only in its title."""

    id: str
    title: str
    updated: float
    hits: list[Hit] = field(default_factory=list)


def search(store: Store, words: str) -> list[SearchResult]:
    """Return the conversations that have all the words, those with the best hits first.

    Raises: UsageError when there are no words.
    """
    if not words.strip():
        raise UsageError("say what to search for, for example: tides moon")
    results: dict[str, SearchResult] = {}
    for hit in store.search(words, _MOST_HITS):
        chat = results.setdefault(hit.conversation, SearchResult(hit.conversation, hit.title, hit.updated))
        chat.hits.append(hit)
    for each in store.search_titles(words, _MOST_CHATS):
        results.setdefault(each.id, SearchResult(each.id, each.title, each.updated))
    return list(results.values())[:_MOST_CHATS]


def resolve_chat(store: Store, argument: str, listed: Sequence[str]) -> str:
    """Return the id of a conversation from its number in a list, or from the beginning of its id.

    Raises: UsageError.
    """
    if argument.isdecimal() and 1 <= int(argument[:9]) <= len(listed):
        argument = listed[int(argument) - 1]
    elif argument.isdecimal() and len(argument) < 4:
        raise UsageError(f"no chat {argument} in the list: it has {len(listed)}, or give an id")
    return store.summary(argument).id
