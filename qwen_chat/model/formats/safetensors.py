"""Reads the header of a safetensors file and checks the file's size; the weights are never read.

The header is parsed entry by entry, so that a hostile one costs no more memory than its own bytes.
"""

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any

from qwen_chat.errors import ModelLoadError

# Far above any real file's header, and far below what the format allows.
_MAX_HEADER_BYTES = 1 << 25
_MAX_ENTRY_BYTES = 1 << 12
_MAX_DIMENSIONS = 16
_LENGTH = Struct("<Q")

_BITS_BY_DTYPES = {
    64: "F64 I64 U64 C64",
    32: "F32 I32 U32",
    16: "F16 BF16 I16 U16",
    8: "I8 U8 BOOL F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
    6: "F6_E2M3 F6_E3M2",
    4: "F4",
}
DTYPE_BITS = {dtype: bits for bits, dtypes in _BITS_BY_DTYPES.items() for dtype in dtypes.split()}
"""Bits of one number, by type."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_ENTRY = re.compile(
    rb"\s*+(%b)\s*+:\s*+(\{(?:[^{}\"]++|%b)*+\})\s*+(,|\}\s*+\Z)" % (_STRING, _STRING), re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: the count of its numbers, its size in bytes, and its end, counted from the header's end."""

    name: str
    dtype: str
    numbers: int
    size: int
    end: int


def read_tensors(path: Path) -> Iterator[TensorInfo]:
    """Yield the tensors of the file, then check that their sizes add up to the file's size.

    Raises: ModelLoadError when the file is cut short or damaged.
    """
    try:
        yield from _parse_file(path)
    except OSError as fault:
        raise ModelLoadError(f"cannot read {path}: {fault.strerror or fault}") from None
    except EOFError:
        raise ModelLoadError(f"{path} is cut short: fetch it again") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ModelLoadError(f"{path} is damaged: fetch it again") from None


def _parse_file(path: Path) -> Iterator[TensorInfo]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size - _LENGTH.size
        if size < 0:
            raise EOFError
        header = file.read(_parse_header_length(file.read(_LENGTH.size), size))
    total = end = 0
    for tensor in _parse_entries(header):
        yield tensor
        total += tensor.size
        end = max(end, tensor.end)
    if end > size - len(header):
        raise EOFError
    if not end == total == size - len(header):
        raise ValueError("tensors that overlap or leave gaps")


def _parse_header_length(prefix: bytes, size: int) -> int:
    length: int = _LENGTH.unpack(prefix)[0]
    if length > _MAX_HEADER_BYTES:
        raise ValueError("impossible header")
    if length > size:
        raise EOFError
    return length


def _parse_entries(header: bytes) -> Iterator[TensorInfo]:
    if header.strip() == b"{}":
        return
    if not header.startswith(b"{"):
        raise ValueError("no header")
    at, more = 1, True
    while more:
        if not (match := _ENTRY.match(header, at)):
            raise ValueError("not a list of tensors")
        at, more = match.end(), match[3] == b","
        if match[1] != b'"__metadata__"':
            yield _parse_tensor(match[1], match[2])


def _parse_tensor(name: bytes, text: bytes) -> TensorInfo:
    if len(name) + len(text) > _MAX_ENTRY_BYTES:
        raise ValueError("impossible entry")
    entry: dict[str, Any] = json.loads(text.decode())
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if (
        not isinstance(dtype, str)
        or len(shape) > _MAX_DIMENSIONS
        or not all(map(_is_count, (*shape, begin, end)))
    ):
        raise ValueError("impossible tensor")
    numbers, size = math.prod(shape), end - begin
    if size != -(-numbers * DTYPE_BITS[dtype] // 8) if dtype in DTYPE_BITS else size < 0:
        raise ValueError("a tensor that does not fit its place")
    return TensorInfo(json.loads(name.decode()), dtype, numbers, size, end)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
