"""The files that a message begins with, taken out of it again to be shown; what is kept stays as it is."""

import re
from functools import lru_cache

from qwen_chat.session.attachments import Attachment

_BLOCK = re.compile(r"(?P<name>[^\n]+):\n(?P<fence>`{3,})[^`\n]*\n(?P<text>.*?\n)(?P=fence)\n\n", re.DOTALL)
_FILE_NAME = re.compile(r".*(\.[A-Za-z0-9+_-]{1,10}|file)", re.IGNORECASE)
"""An ending, as files have one, or a name like Makefile: a person writes “The error:” before a fence, too."""


@lru_cache(maxsize=200)
def parted(text: str) -> tuple[tuple[Attachment, ...], str]:
    """Return the files at the beginning of a message, and what it says after them."""
    files: list[Attachment] = []
    at = 0
    while (block := _BLOCK.match(text, at)) and (file := _file(block)):
        files.append(file)
        at = block.end()
    return tuple(files), text[at:]


def _file(block: re.Match[str]) -> Attachment | None:
    """Return the file of a block, or None when it was typed: only what is written for a file is one."""
    file = Attachment(block["name"], block["text"])
    return file if _FILE_NAME.fullmatch(file.name) and file.block == block[0] else None
