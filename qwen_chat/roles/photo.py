"""Finds the JSON of a card in the metadata (Exif, XMP, comments) of a JPEG or WebP; decodes no picture.

Sources: https://www.w3.org/Graphics/JPEG/itu-t81.pdf (B.1.1) and
https://developers.google.com/speed/webp/docs/riff_container
"""

import binascii
import re
import struct
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from html import unescape

from qwen_chat.errors import UsageError

JPEG, RIFF = b"\xff\xd8\xff", b"RIFF"

_APP1, _COMMENT, _SCAN, _END = 0xE1, 0xFE, 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_METADATA = (b"EXIF", b"XMP ")
_UTF16 = b"UNICODE\0"
"""What Exif writes before a comment in UTF-16."""

_JSON = re.compile(rb"\{.*\}", re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


def find_json(data: bytes) -> Iterator[bytes]:
    """Yield what may be the JSON of a card, as bytes in UTF-8.

    Raises: UsageError for a picture that is damaged.
    """
    for part in _jpeg_parts(data) if data.startswith(JPEG) else _webp_parts(data):
        for text in (part, unescape(part.decode("latin-1")).encode("latin-1", "replace"), *_utf16(part)):
            yield from _decoded(text)
            yield from (found[0] for found in _JSON.finditer(text))


def _decoded(text: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(text):
        with suppress(binascii.Error):
            decoded = b64decode(found[0], validate=True)
            if decoded.lstrip().startswith(b"{"):
                yield decoded


def _utf16(part: bytes) -> Iterator[bytes]:
    at = part.find(_UTF16)
    if at >= 0:
        content = part[at + len(_UTF16) :]
        for encoding in ("utf-16-le", "utf-16-be"):
            yield content.decode(encoding, "replace").encode()


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    at = 2
    while at + 4 <= len(data):
        mark, kind, length = struct.unpack_from(">BBH", data, at)
        if mark != 0xFF or at + 2 + length > len(data):
            raise UsageError("the JPEG is damaged: fetch the file again")
        if kind in (_SCAN, _END):
            return
        if kind in _WITHOUT_LENGTH:
            at += 2
            continue
        if kind in (_APP1, _COMMENT):
            yield data[at + 4 : at + 2 + length]
        at += 2 + length


def _webp_parts(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            raise UsageError("the WebP is damaged: fetch the file again")
        if kind in _METADATA:
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
