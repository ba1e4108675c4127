"""Attached files as text: each file fenced under its name, before what the person typed.

Models read files in this form, and people see and edit it. `split_files` undoes it exactly.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from qwen_chat.message import Attachment, Message

_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"\.([A-Za-z0-9+]{1,10})")
_BLOCK = re.compile(r"(?P<name>[^\n]+):\n(?P<fence>`{3,})[^`\n]*\n(?P<text>.*?\n)(?P=fence)\n\n", re.DOTALL)
_FILE_NAME = re.compile(r".*(\.[A-Za-z0-9+_-]{1,10}|file)", re.IGNORECASE)
"""A name with an extension, or one like Makefile: people also type “The error:” before a fence."""


def full_text(message: Message) -> str:
    """Return the text of a message with its attached files, as models read it."""
    return join_files(message.content, message.attachments)


def join_files(typed: str, files: Iterable[Attachment]) -> str:
    """Return a text with files before it."""
    return "".join(map(fence_file, files)) + typed


def fence_file(file: Attachment) -> str:
    """Return the name of a file and its text within a fence that is longer than any fence in the text."""
    language = _LANGUAGE.fullmatch(Path(file.name).suffix)
    return f"{file.name}:\n{fence(file.text, language[1] if language else '')}\n\n"


def fence(text: str, language: str = "") -> str:
    """Return a text within a Markdown fence that is longer than any fence in the text."""
    marks = "`" * max(3, *(1 + len(run) for run in _FENCE.findall(text)), 0)
    end = "" if text.endswith("\n") else "\n"
    return f"{marks}{language}\n{text}{end}{marks}"


def split_files(text: str) -> tuple[tuple[Attachment, ...], str]:
    """Return the files at the beginning of a text, and the typed text after them.

    Only blocks that `fence_file` writes are files, so `join_files` gives the same text again.
    """
    files: list[Attachment] = []
    position = 0
    while (block := _BLOCK.match(text, position)) and (file := _file_of(block)):
        files.append(file)
        position = block.end()
    return tuple(files), text[position:]


def _file_of(block: re.Match[str]) -> Attachment | None:
    """Return the file of a block, or None when a person typed the block."""
    file = Attachment(block["name"], block["text"])
    return file if _FILE_NAME.fullmatch(file.name) and fence_file(file) == block[0] else None
