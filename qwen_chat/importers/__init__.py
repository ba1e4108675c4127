"""Chats of other programs, and our own, from files: whole trees, with nothing lost on the way.

A chat that cannot be read is left out and named; the others of its file come in all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.export import FORMATS, from_document
from qwen_chat.files.bounded_read import read_bytes
from qwen_chat.history import History
from qwen_chat.importers import chatgpt as openai
from qwen_chat.importers import openwebui, sharegpt
from qwen_chat.importers.parsed import Plan
from qwen_chat.importers.source_file import MAX_BYTES, TOO_LARGE, entries
from qwen_chat.importers.tree_builder import plant
from qwen_chat.text import plural

__all__ = ["MAX_BYTES", "Found", "imported_lines", "parse_chats", "read_chats"]

_READERS: tuple[tuple[str, Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Plan]], ...] = (
    ("ChatGPT", openai.is_chat, openai.read),
    ("Open WebUI", openwebui.is_chat, openwebui.read),
    ("ShareGPT", sharegpt.is_chat, sharegpt.read),
)
_TITLE_SHOWN = 40
_NAMED = 10
"""Imported chats that are told one by one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file has: its chats, and a line for each that is left out."""

    chats: list[History] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_chats(path: Path) -> Found:
    """Return the chats of a file, whichever of the known formats it has.

    Raises: UsageError when it cannot be read, or no chat in it can.
    """
    data = read_bytes(path, MAX_BYTES, TOO_LARGE)
    try:
        written = path.stat().st_mtime
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    return _found(str(path), data, written)


def parse_chats(name: str, data: bytes) -> Found:
    """Return the chats of a file of that content, as `read_chats` does; what has no time gets this moment.

    Raises: UsageError, naming the file, when no chat in it can be read.
    """
    return _found(" ".join(name.split()), data, time.time())


def _found(name: str, data: bytes, moment: float) -> Found:
    values, found = entries(name, data), Found()
    for number, value in enumerate(values, 1):
        try:
            found.chats.append(_chat(value, moment))
        except ValueError as error:
            found.faults.append(f"{_named(number, value, len(values))}{error}")
    if not found.chats:
        raise UsageError(_no_chat(name, found.faults))
    return found


def _no_chat(name: str, faults: list[str]) -> i18n.Text:
    reason = faults[0] if faults else i18n.Text("import.empty_list")
    if len(faults) < 2:
        return i18n.Text("import.no_chat", name=name, reason=reason)
    return i18n.Text("import.no_chat_and_more", name=name, reason=reason, more=len(faults) - 1)


def imported_lines(added: list[History], read: int, opens: str) -> list[str]:
    """Return what came of an import; `opens` is the command that opens a chat."""
    known = read - len(added)
    already = f", {known} {'was' if known == 1 else 'were'} there already" if known else ""
    lines = [f"{plural(len(added), 'chat')} imported{already}"]
    lines += [f"  {opens} {chat.id}  {chat.title}" for chat in added[:_NAMED]]
    return [*lines, f"  and {len(added) - _NAMED} more"] if len(added) > _NAMED else lines


def _chat(value: object, moment: float) -> History:
    if isinstance(value, dict):
        if value.get("format") in FORMATS:
            return from_document(value)
        for _, is_chat, read in _READERS:
            if is_chat(value):
                return plant(read(value), moment)
    names = ", ".join(name for name, *_ in _READERS)
    raise ValueError(f"it has none of the known forms: {names}, or our own")


def _named(number: int, value: object, count: int) -> str:
    title = value.get("title") if isinstance(value, dict) else None
    name = f" {' '.join(title.split())[:_TITLE_SHOWN]!r}" if isinstance(title, str) and title.strip() else ""
    return f"chat {number}{name}: " if count > 1 or name else ""
