"""Reads the JSON values in a file of chats: JSON, JSON Lines, or the zip file that ChatGPT exports."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import decode_utf8, too_large
from qwen_chat.files.json import JsonSyntaxError, parse_json

MAX_BYTES = 512 * 1024 * 1024
"""Reading takes several times this much memory."""

TOO_LARGE = "import it in parts"

_MEMBER = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")


def parse_entries(name: str, data: bytes) -> list[Any]:
    """Return the values of a file, each of which may be a chat; `name` names the file in errors.

    Raises: UsageError for a file that is too large, or neither JSON nor JSON Lines.
    """
    try:
        texts = _unzip(data, name) if data.startswith(b"PK\x03\x04") else [_decode(data, name, MAX_BYTES)]
        del data
        return [entry for text in texts for entry in _parse_text(text)]
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None


def _unzip(data: bytes, name: str) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = sorted(member for member in archive.namelist() if _MEMBER.fullmatch(member))
        if not members:
            raise UsageError(f"{name} has no conversations.json in it: it is no export of ChatGPT")
        left = MAX_BYTES
        for each in members:
            with archive.open(each) as member:
                text = member.read(left + 1)
            yield _decode(text, name, left)
            left -= len(text)


def _decode(data: bytes, name: str, limit: int) -> str:
    if len(data) > limit:
        raise too_large(name, MAX_BYTES, TOO_LARGE)
    return decode_utf8(data, name)


def _parse_text(text: str) -> list[Any]:
    try:
        found = parse_json(text)
    except JsonSyntaxError as error:
        if error.trailing:
            return list(_parse_lines(text))
        raise
    return found if isinstance(found, list) else [found]


def _parse_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield parse_json(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
