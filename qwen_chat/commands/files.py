"""Commands that save, read back and find conversations."""

import re
import time
from pathlib import Path

from qwen_chat.commands.conversation import standing
from qwen_chat.commands.table import Outcome, command
from qwen_chat.errors import UsageError
from qwen_chat.export import from_json, to_json, to_markdown
from qwen_chat.history import History
from qwen_chat.session import ChatSession
from qwen_chat.store import Store, Summary
from qwen_chat.text_file import read_text

_WRITERS = {"md": to_markdown, "json": to_json}


@command("save", usage="[file]", en="Save all branches as JSON, for /load", zh="将全部对话保存为 JSON")
def save(session: ChatSession, argument: str) -> Outcome:
    """Write the whole conversation to a file that /load reads."""
    return _write(session.history, argument, "json")


@command("export", usage="[md|json] [file]", en="Write the chat to a file", zh="导出对话到文件")
def export(session: ChatSession, argument: str) -> Outcome:
    """Write the branch in view as Markdown, or the whole conversation as JSON."""
    head, _, rest = argument.partition(" ")
    if head in _WRITERS:
        return _write(session.history, rest.strip(), head)
    suffix = Path(argument).suffix.lstrip(".")
    if argument and suffix not in _WRITERS:
        raise UsageError(f"cannot export {argument!r}: write /export md FILE or /export json FILE")
    return _write(session.history, argument, suffix or "md")


@command("load", usage="file", en="Go on with a conversation from /save", zh="载入已保存的对话文件")
def load(session: ChatSession, argument: str) -> Outcome:
    """Go on with a conversation that /save wrote."""
    if not argument:
        raise UsageError("name the file: /load FILE.json")
    path = Path(argument).expanduser()
    try:
        history = from_json(read_text(path))
    except UsageError as error:
        raise UsageError(f"cannot load {path}: {error}") from None
    session.adopt(history)
    return Outcome(standing(session))


@command("resume", usage="[number|id]", en="List saved chats, or go on with one", zh="列出或恢复已保存的对话")
def resume(session: ChatSession, argument: str) -> Outcome:
    """List the saved conversations, or go on with one of them."""
    store = _store(session)
    recent = store.recent()
    if not argument:
        return Outcome("\n".join(_listed(recent)) or "no conversation is saved yet")
    if argument.isdecimal() and 1 <= int(argument[:9]) <= len(recent):
        argument = recent[int(argument) - 1].id
    history = store.load(argument)
    session.open(history)
    return Outcome(standing(session))


def _store(session: ChatSession) -> Store:
    if session.store is None:
        raise UsageError("nothing is saved in this chat: start without --no-history")
    return session.store


def _listed(recent: list[Summary]) -> list[str]:
    return [
        f"{number:>3}  {chat.id}  {_when(chat.updated)}  {chat.messages:>4} messages  {chat.title}"
        for number, chat in enumerate(recent, 1)
    ]


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _write(history: History, name: str, kind: str) -> Outcome:
    if not history.path():
        raise UsageError("nothing to save: nothing has been said yet")
    path = Path(name).expanduser() if name else Path(f"{_slug(history)}.{kind}")
    text = _WRITERS[kind](history)
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists: choose another name") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None
    return Outcome(f"saved to {path}")


def _slug(history: History) -> str:
    words = re.sub(r"[^\w]+", "-", history.title.lower()).strip("-")[:40].strip("-")
    return f"{words or 'chat'}-{time.strftime('%Y%m%d-%H%M%S')}"
