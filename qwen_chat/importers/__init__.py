"""Imports conversations from the files of other programs, and from our own, with all their branches.

A chat that cannot be read is left out with a line that names its fault; the others are imported.
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
from qwen_chat.importers import chatgpt, claude, lmstudio, openwebui, pairs, sharegpt, sillytavern
from qwen_chat.importers.grouping import group_lines
from qwen_chat.importers.parsed import ParsedConversation
from qwen_chat.importers.source_file import MAX_BYTES, TOO_LARGE, parse_entries
from qwen_chat.importers.tree_builder import build_history
from qwen_chat.text import plural

__all__ = ["MAX_BYTES", "ImportedChats", "format_import", "parse_chats", "read_chats"]

_READERS: tuple[
    tuple[str, Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], ParsedConversation]], ...
] = (
    ("ChatGPT", chatgpt.is_chat, chatgpt.read),
    ("Open WebUI", openwebui.is_chat, openwebui.read),
    ("Claude", claude.is_chat, claude.read),
    ("LM Studio", lmstudio.is_chat, lmstudio.read),
    ("SillyTavern", sillytavern.is_chat, sillytavern.read),
    ("LMSYS", pairs.is_comparison, pairs.read_comparison),
    ("Alpaca", pairs.is_pair, pairs.read_pair),
    ("ShareGPT", sharegpt.is_chat, sharegpt.read),
)
"""The first that knows an object reads it."""

_TITLE_LENGTH = 40
_LISTED = 10
"""The number of imported chats that a report lists."""


@dataclass(frozen=True, slots=True)
class ImportedChats:
    """The chats of a file, a line for each chat that is left out, and lines about what was guessed."""

    chats: list[History] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_chats(path: Path) -> ImportedChats:
    """Return the chats of a file in any known format; messages without a time get the time of the file.

    Raises: UsageError when neither the file nor any chat in it can be read.
    """
    data = read_bytes(path, MAX_BYTES, TOO_LARGE)
    try:
        modified = path.stat().st_mtime
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    return _parse_values(str(path), data, modified)


def parse_chats(name: str, data: bytes) -> ImportedChats:
    """Return the chats in the bytes of a file; messages without a time get the present time.

    Raises: UsageError that names the file when no chat in it can be read.
    """
    return _parse_values(" ".join(name.split()), data, time.time())


def _parse_values(name: str, data: bytes, moment: float) -> ImportedChats:
    values, imported = group_lines(parse_entries(name, data)), ImportedChats()
    for number, value in enumerate(values, 1):
        label = _chat_label(number, value, len(values))
        try:
            chat, notes = _parse_chat(value, moment)
        except ValueError as error:
            imported.faults.append(f"{label}{error}")
            continue
        imported.chats.append(chat)
        imported.notes.extend(f"{label}{note}" for note in notes)
    if not imported.chats:
        raise UsageError(_describe_no_chat(name, imported.faults))
    return imported


def _describe_no_chat(name: str, faults: list[str]) -> i18n.Text:
    reason = faults[0] if faults else i18n.Text("import.empty_list")
    if len(faults) < 2:
        return i18n.Text("import.no_chat", name=name, reason=reason)
    return i18n.Text("import.no_chat_and_more", name=name, reason=reason, more=len(faults) - 1)


def format_import(added: list[History], read: int, opens: str) -> list[str]:
    """Return the report of an import in lines; `opens` is the command that opens a chat."""
    known = read - len(added)
    already = f", {known} {'was' if known == 1 else 'were'} there already" if known else ""
    lines = [f"{plural(len(added), 'chat')} imported{already}"]
    lines += [f"  {opens} {chat.id}  {chat.title}" for chat in added[:_LISTED]]
    return [*lines, f"  and {len(added) - _LISTED} more"] if len(added) > _LISTED else lines


def _parse_chat(value: object, moment: float) -> tuple[History, list[str]]:
    """Return a chat, and lines about what was guessed."""
    if isinstance(value, dict):
        if value.get("format") in FORMATS:
            return from_document(value), []
        for _, is_chat, read in _READERS:
            if is_chat(value):
                conversation = read(value)
                return build_history(conversation, moment), conversation.notes
    names = ", ".join(name for name, *_ in _READERS)
    raise ValueError(f"it has none of the known forms: {names}, or our own")


def _chat_label(number: int, value: object, count: int) -> str:
    title = (value.get("title") or value.get("name")) if isinstance(value, dict) else None
    name = f" {' '.join(title.split())[:_TITLE_LENGTH]!r}" if isinstance(title, str) and title.strip() else ""
    return f"chat {number}{name}: " if count > 1 or name else ""
