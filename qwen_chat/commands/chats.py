"""Commands that list, search, open, rename and delete saved conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from qwen_chat.commands.conversation import summarize_conversation
from qwen_chat.commands.registry import command, parse_number
from qwen_chat.commands.result import CommandResult
from qwen_chat.commands.tree import branch_number
from qwen_chat.errors import UsageError
from qwen_chat.session.session import ChatSession
from qwen_chat.storage.listing import describe_summary, format_results, format_summaries
from qwen_chat.storage.search import SearchResult, resolve_chat
from qwen_chat.storage.search import search as search_chats
from qwen_chat.storage.store import Store


@dataclass(frozen=True, slots=True)
class _ListedChat:
    """A conversation in the last list, and the message that matched the search."""

    conversation: str
    message: str | None = None


_RESUME_HINT = "/resume opens a chat by its number: /resume 1"

_LAST_LISTS: WeakKeyDictionary[ChatSession, tuple[_ListedChat, ...]] = WeakKeyDictionary()
"""The last list that each session saw: a number means a row of it, whatever changed since."""


@command("chats", usage="[n]")
def chats(session: ChatSession, argument: str) -> CommandResult:
    """List the saved conversations, newest first."""
    recent = require_store(session).recent(parse_number(argument) if argument else 20)
    _remember_list(session, [_ListedChat(chat.id) for chat in recent])
    if not recent:
        return CommandResult("no conversation is saved yet")
    return CommandResult("\n".join([*format_summaries(recent), _RESUME_HINT]))


@command("search", "find", usage="words")
def search(session: ChatSession, argument: str) -> CommandResult:
    """Find messages with all words, in every conversation and every branch."""
    if not argument.strip():
        raise UsageError("say what to search for: /search tides moon")
    found = search_chats(require_store(session), argument)
    _remember_list(session, [_ListedChat(each.id, _first_hit(each)) for each in found])
    if not found:
        return CommandResult(f"no saved chat holds all of: {argument}")
    return CommandResult("\n".join([*format_results(found), _RESUME_HINT]))


@command(
    "resume",
    usage="[number|id]",
    completes="chat",
)
def resume(session: ChatSession, argument: str) -> CommandResult:
    """List the saved conversations, or open one of them."""
    if not argument:
        return chats(session, "")
    store = require_store(session)
    chat = _find_listed(session, argument)
    session.open(store.load(chat.conversation))
    hint = _branch_hint(session, chat.message)
    return CommandResult("\n".join(filter(None, (summarize_conversation(session), hint))))


@command("rename", usage="title")
def rename(session: ChatSession, argument: str) -> CommandResult:
    """Give the conversation another title, which lists show and searches find."""
    if not argument.strip():
        raise UsageError("say the new title: /rename Tides")
    session.rename(argument)
    return CommandResult(f"this chat is now called: {session.history.title}")


@command(
    "delete",
    usage="[number|id] [yes]",
    completes="chat",
)
def delete(session: ChatSession, argument: str) -> CommandResult:
    """Name the chat that would be deleted; after a final `yes`, delete it."""
    words = argument.split()
    confirmed = bool(words) and words[-1].lower() == "yes"
    named = words[:-1] if confirmed else words
    if len(named) > 1:
        raise UsageError("name one chat: /delete 3, or /delete with the beginning of its id")
    store = require_store(session)
    chat = store.summary(_find_listed(session, named[0]).conversation if named else _open_chat_id(session))
    if not confirmed:
        again = named[0] if named else chat.id
        return CommandResult(f"this deletes {describe_summary(chat)} for good: type /delete {again} yes")
    is_open = chat.id == session.history.id
    if is_open:
        session.new()
    store.delete(chat.id)
    return CommandResult(f"deleted {describe_summary(chat)}" + ("; a new chat begins" if is_open else ""))


@command("incognito")
def incognito(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Begin a conversation that is not saved, until /new or /resume."""
    if session.store is None:
        return CommandResult("nothing is saved in this chat anyway: it was started with --no-history")
    session.go_incognito()
    return CommandResult("new chat, not saved; /new begins one that is")


def require_store(session: ChatSession) -> Store:
    """Return the store of the conversations.

    Raises: UsageError when there is none.
    """
    if session.store is None:
        raise UsageError("nothing is saved in this chat: start without --no-history")
    return session.store


def _open_chat_id(session: ChatSession) -> str:
    if session.incognito or not session.history.title:
        raise UsageError("this chat is not saved: name the chat to delete by its number in /chats")
    return session.history.id


def _find_listed(session: ChatSession, argument: str) -> _ListedChat:
    store = require_store(session)
    if session not in _LAST_LISTS:
        _remember_list(session, [_ListedChat(chat.id) for chat in store.recent()])
    shown = _LAST_LISTS[session]
    id = resolve_chat(store, argument, [chat.conversation for chat in shown])
    return next((chat for chat in shown if chat.conversation == id), _ListedChat(id))


def _first_hit(found: SearchResult) -> str | None:
    return found.hits[0].message if found.hits else None


def _remember_list(session: ChatSession, lines: Sequence[_ListedChat]) -> None:
    _LAST_LISTS[session] = tuple(lines)


def _branch_hint(session: ChatSession, message: str | None) -> str:
    """Return which branch holds the message that a search found, where it is not in view."""
    if message is None or message not in session.history:
        return ""
    if message in {node.id for node in session.history.path()}:
        return ""
    number = branch_number(session.history, message)
    return f"the found words are in another branch: /switch {number} shows it"
