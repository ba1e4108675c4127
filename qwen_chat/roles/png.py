"""Reads the texts in a PNG file; it checks every length and checksum, and decodes no picture.

Source: https://www.w3.org/TR/png-3/#5Chunk-layout
"""

import struct
import zlib
from collections.abc import Callable, Iterator

from qwen_chat.errors import UsageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_HEADER = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
_TEXT_LIMIT = 1 << 24


def read_texts(data: bytes) -> dict[str, bytes]:
    """Return the texts by their lower-case keywords; the first chunk of a keyword wins.

    Raises: UsageError for a file that is not a PNG, or is damaged.
    """
    found: dict[str, bytes] = {}
    for kind, content in _chunks(data):
        if (read := _TEXTS.get(kind)) is not None:
            keyword, _, rest = content.partition(b"\0")
            found.setdefault(keyword.decode("latin-1").lower(), read(rest))
    return found


def _read_compressed(rest: bytes) -> bytes:
    return _decompress(rest[1:])


def _read_international(rest: bytes) -> bytes:
    _, _, text = rest[2:].split(b"\0", 2) if rest[2:].count(b"\0") >= 2 else (b"", b"", b"")
    return _decompress(text) if rest[:1] == b"\1" else text


def _decompress(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, _TEXT_LIMIT)
    except zlib.error:
        raise _damaged("a text in it cannot be unpacked") from None
    if unpacker.unconsumed_tail:
        raise UsageError(f"a text in it is larger than {_TEXT_LIMIT >> 20} MiB: export a smaller card")
    return text


_TEXTS: dict[bytes, Callable[[bytes], bytes]] = {
    b"tEXt": bytes,
    b"zTXt": _read_compressed,
    b"iTXt": _read_international,
}


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        raise UsageError("it does not begin as a PNG does: fetch the file again, or save it as PNG")
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        first = at == len(SIGNATURE)
        kind, content, at = _chunk(data, at)
        if first != (kind == b"IHDR"):
            raise _damaged(f"the chunk {_name_of(kind)} is out of place")
        yield kind, content


def _chunk(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Return the kind and the content of the chunk at an offset, and the offset of the next one."""
    begin = at + _HEADER.size
    if begin > len(data):
        raise _damaged("it ends too early")
    length, kind = _HEADER.unpack_from(data, at)
    end = begin + length
    if end + _CHECKSUM.size > len(data):
        raise _damaged(f"the chunk {_name_of(kind)} at byte {at:,} is cut off")
    if _CHECKSUM.unpack_from(data, end)[0] != zlib.crc32(data[at + 4 : end]):
        raise _damaged(f"the chunk {_name_of(kind)} at byte {at:,} has a wrong checksum")
    return kind, data[begin:end], end + _CHECKSUM.size


def _name_of(kind: bytes) -> str:
    return kind.decode() if kind.isalpha() else "without a name"


def _damaged(what: str) -> UsageError:
    return UsageError(f"the PNG is damaged, {what}: fetch the file again")
