"""Commands that list, search, open, rename and delete the conversations that are saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from qwen_chat.commands.conversation import standing
from qwen_chat.commands.table import Outcome, command, whole_number
from qwen_chat.commands.tree import branch_of
from qwen_chat.errors import UsageError
from qwen_chat.session.session import ChatSession
from qwen_chat.storage import search as finding
from qwen_chat.storage.store import Store


@dataclass(frozen=True, slots=True)
class _Line:
    """A conversation in the list that was shown, and the message it was found by."""

    conversation: str
    message: str | None = None


_OPENS = "/resume opens a chat by its number: /resume 1"

_SHOWN: WeakKeyDictionary[ChatSession, tuple[_Line, ...]] = WeakKeyDictionary()
"""What numbers mean: the list that each session was shown last, so that no later change moves them."""


@command("chats", usage="[n]", en="List the last n saved chats", zh="列出最近保存的 n 个对话")
def chats(session: ChatSession, argument: str) -> Outcome:
    """List the saved conversations, newest first."""
    recent = store_of(session).recent(whole_number(argument) if argument else 20)
    _show(session, [_Line(chat.id) for chat in recent])
    if not recent:
        return Outcome("no conversation is saved yet")
    return Outcome("\n".join([*finding.listed_lines(recent), _OPENS]))


@command("search", "find", usage="words", en="Search all saved chats", zh="搜索所有已保存的对话")
def search(session: ChatSession, argument: str) -> Outcome:
    """Show where words were said, in any conversation and any branch."""
    if not argument.strip():
        raise UsageError("say what to search for: /search tides moon")
    found = finding.search(store_of(session), argument)
    _show(session, [_Line(each.id, each.hits[0].message if each.hits else None) for each in found])
    if not found:
        return Outcome(f"no saved chat holds all of: {argument}")
    return Outcome("\n".join([*finding.found_lines(found), _OPENS]))


@command(
    "resume",
    usage="[number|id]",
    en="List saved chats, or go on with one",
    zh="列出或恢复已保存的对话",
    completes="chat",
)
def resume(session: ChatSession, argument: str) -> Outcome:
    """List the saved conversations, or go on with one of them."""
    if not argument:
        return chats(session, "")
    store = store_of(session)
    line = _meant(session, argument)
    session.open(store.load(line.conversation))
    return Outcome("\n".join(filter(None, (standing(session), _elsewhere(session, line.message)))))


@command("rename", usage="title", en="Give this chat another title", zh="重命名当前对话")
def rename(session: ChatSession, argument: str) -> Outcome:
    """Give the conversation another title, by which lists show it and searches find it."""
    if not argument.strip():
        raise UsageError("say the new title: /rename Tides")
    session.rename(argument)
    return Outcome(f"this chat is now called: {session.history.title}")


@command(
    "delete",
    usage="[number|id] [yes]",
    en="Delete a saved chat for good, or this one",
    zh="永久删除某个已保存的对话",
    completes="chat",
)
def delete(session: ChatSession, argument: str) -> Outcome:
    """Say what would be deleted; with `yes` behind it, delete it."""
    words = argument.split()
    sure = bool(words) and words[-1].lower() == "yes"
    named = words[:-1] if sure else words
    if len(named) > 1:
        raise UsageError("name one chat: /delete 3, or /delete with the beginning of its id")
    store = store_of(session)
    chat = store.summary(_meant(session, named[0]).conversation if named else _open(session))
    if not sure:
        again = named[0] if named else chat.id
        return Outcome(f"this deletes {finding.described(chat)} for good: type /delete {again} yes")
    opened = chat.id == session.history.id
    if opened:
        session.new()
    store.delete(chat.id)
    return Outcome(f"deleted {finding.described(chat)}" + ("; a new chat begins" if opened else ""))


@command("incognito", en="Begin a chat that is not saved", zh="开始不保存的对话")
def incognito(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Begin a conversation that leaves no trace, until /new or /resume."""
    if session.store is None:
        return Outcome("nothing is saved in this chat anyway: it was started with --no-history")
    session.go_incognito()
    return Outcome("new chat, not saved; /new begins one that is")


def store_of(session: ChatSession) -> Store:
    """Return where the conversations are kept.

    Raises: UsageError when they are not.
    """
    if session.store is None:
        raise UsageError("nothing is saved in this chat: start without --no-history")
    return session.store


def _open(session: ChatSession) -> str:
    if session.incognito or not session.history.title:
        raise UsageError("this chat is not saved: say which to delete, as /chats lists them")
    return session.history.id


def _meant(session: ChatSession, argument: str) -> _Line:
    store = store_of(session)
    if session not in _SHOWN:
        _show(session, [_Line(chat.id) for chat in store.recent()])
    shown = _SHOWN[session]
    id = finding.pick(store, argument, [line.conversation for line in shown])
    return next((line for line in shown if line.conversation == id), _Line(id))


def _show(session: ChatSession, lines: Sequence[_Line]) -> None:
    _SHOWN[session] = tuple(lines)


def _elsewhere(session: ChatSession, message: str | None) -> str:
    """Say in which branch the words are that a conversation was found by, where it is not in view."""
    if message is None or message not in session.history:
        return ""
    if message in {node.id for node in session.history.path()}:
        return ""
    number = branch_of(session.history, message)
    return f"the words found are in another branch: /switch {number} shows it"
