"""Reads and checks the header of a GGUF file before an engine loads it, to give better error messages.

The weights are never touched, so a file of any size is read in a moment.
"""

import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import Struct, error

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.rope_scaling import RopeScaling, of_metadata

SPLIT = re.compile(r"(?P<stem>.*)-(?P<part>\d{5})-of-(?P<parts>\d{5})(?P<suffix>\.gguf)", re.I | re.S)
"""Matches the file name of one part of a model that is split into several files."""

_BYTES_BY_WEIGHTS = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 20: 18, 39: 17},
    64: {40: 36},
    128: {41: 18},
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82}
    | {23: 136, 29: 56, 34: 54, 35: 66},
}
BLOCK_SIZES = {
    kind: (weights, size) for weights, sizes in _BYTES_BY_WEIGHTS.items() for kind, size in sizes.items()
}
"""Weights and bytes in one block, by tensor type."""

_SCALARS = {
    kind: Struct(f"<{code}") for kind, code in zip((*range(8), 10, 11, 12), "BbHhIif?Qqd", strict=True)
}
_STRING, _ARRAY = 8, 9
_RANK_POOLING = 4
_TEMPLATE_KEY = "tokenizer.chat_template"
_U32, _U64 = Struct("<I"), Struct("<Q")

# Far above any real file: these limits bound the cost of a hostile header.
_MAX_HEADER_BYTES = 1 << 27
_MAX_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class GgufInfo:
    """The description of a model in its header; `file_bytes` counts all its parts."""

    architecture: str
    context_length: int | None
    chat_templates: Mapping[str, str]
    """By their names: "default" for all prompts, maybe "tool_use" for those with tools, and others."""
    name: str | None
    file_bytes: int
    rope_scaling: RopeScaling | None = None
    """The stretch of positions that the file asks for; it does not change `context_length`."""

    @property
    def trained_length(self) -> int | None:
        """The context of training."""
        return self.rope_scaling.trained if self.rope_scaling else self.context_length

    @property
    def chat_template(self) -> str | None:
        """The template for prompts without tools."""
        return self.chat_templates.get("default")


def part_paths(path: Path) -> list[Path]:
    """Return all files of the model that `path` belongs to, in order.

    Raises: ModelLoadError that names the first missing part.
    """
    match = SPLIT.fullmatch(path.name)
    if not match or not int(match["parts"]):
        return [path]
    found = []
    for number in range(1, int(match["parts"]) + 1):
        part = path.with_name(f"{match['stem']}-{number:05}-of-{match['parts']}{match['suffix']}")
        if not part.is_file():
            whole = f"a model in {int(match['parts'])} parts needs them all in one folder"
            raise ModelLoadError(f"{part} is missing: {whole}")
        found.append(part)
    return found


def read_info(path: Path) -> GgufInfo:
    """Read and check the headers of the model that `path` belongs to, and return its description.

    Raises: ModelLoadError.
    """
    return info_from_headers(path, read_headers(path))


def read_headers(path: Path) -> list["GgufHeader"]:
    """Read the headers of all files of the model that `path` belongs to, and check that they are complete.

    Raises: ModelLoadError.
    """
    return [_read_header(part) for part in part_paths(path)]


def info_from_headers(path: Path, headers: list["GgufHeader"]) -> GgufInfo:
    """Return the description of a model from the headers of its files.

    Raises: ModelLoadError when it is not a language model.
    """
    metadata = headers[0].metadata
    architecture = metadata.get("general.architecture")
    if fault := _find_fault(architecture, headers):
        raise ModelLoadError(f"{path} {fault}")
    length = metadata.get(f"{architecture}.context_length")
    scaling = of_metadata(metadata, str(architecture))
    return GgufInfo(
        architecture=str(architecture),
        context_length=length if isinstance(length, int) and length > 0 else None,
        rope_scaling=scaling,
        chat_templates=_chat_templates(metadata),
        name=_non_blank(metadata.get("general.name")),
        file_bytes=sum(header.file_bytes for header in headers),
    )


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of one file: its metadata, and the number of weights by tensor type."""

    metadata: dict[str, object]
    weights: dict[int, int]
    file_bytes: int


def _find_fault(architecture: object, headers: list[GgufHeader]) -> str | None:
    metadata = headers[0].metadata
    if architecture == "clip" or metadata.get("general.type") == "mmproj":
        return "is the image part of a model: name the model's own file"
    if metadata.get("general.type") == "adapter":
        return "is an adapter (LoRA), not a model: name the model's own file"
    if not isinstance(architecture, str) or "tokenizer.ggml.model" not in metadata:
        return "holds no language model: it names no architecture or has no tokenizer"
    if (pooling := metadata.get(f"{architecture}.pooling_type")) and isinstance(pooling, int):
        kind = "a reranker" if pooling == _RANK_POOLING else "an embedding model"
        return f"is {kind}, which turns text into numbers and cannot chat: name an instruct model"
    if not any(header.weights for header in headers):
        return "has a vocabulary but no weights: name the model's own file"
    return None


def _chat_templates(metadata: Mapping[str, object]) -> dict[str, str]:
    """Return templates by name; the key of a default one has no name in it."""
    return {
        key.removeprefix(_TEMPLATE_KEY).removeprefix(".") or "default": template
        for key, value in metadata.items()
        if re.fullmatch(rf"{re.escape(_TEMPLATE_KEY)}(\..+)?", key) and (template := _non_blank(value))
    }


def _non_blank(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _read_header(path: Path) -> GgufHeader:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelLoadError(f"{path} is not a file: name a .gguf file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            _check_start(path, file.read(64))
            with mmap(file.fileno(), min(size, _MAX_HEADER_BYTES), access=ACCESS_READ) as data:
                return _parse_header(data, size)
    except OSError as fault:
        raise ModelLoadError(f"cannot read {path}: {fault.strerror or fault}") from None
    except (error, EOFError, OverflowError):
        raise ModelLoadError(f"{path} is cut short or damaged: fetch it again") from None
    except ValueError as fault:
        raise ModelLoadError(f"{path} is damaged ({fault}): fetch it again") from None


def _check_start(path: Path, start: bytes) -> None:
    if not start:
        raise ModelLoadError(f"{path} is empty: fetch it again")
    if start.startswith(b"version https://git-lfs"):
        raise ModelLoadError(f"{path} is only a git-lfs pointer: run `git lfs pull` in its folder")
    if not start.startswith(b"GGUF"):
        raise ModelLoadError(f"{path} is not a GGUF file: name one, or convert the model to GGUF")
    version = _U32.unpack_from(start, 4)[0]
    if version and not version & 0xFFFF:
        raise ModelLoadError(f"{path} is a big-endian GGUF file: fetch the little-endian one")
    if version not in (2, 3):
        raise ModelLoadError(f"{path} has GGUF version {version}: fetch one of version 2 or 3")


def _parse_header(data: mmap, size: int) -> GgufHeader:
    header = _HeaderReader(data)
    tensors, metadata_count = header.read_number(_U64), header.read_number(_U64)
    if max(tensors, metadata_count) > _MAX_ITEMS:
        raise ValueError("impossible counts")
    metadata: dict[str, object] = {header.read_text(): header.read_value() for _ in range(metadata_count)}
    weights: dict[int, int] = {}
    ends = list(header.read_tensor_ends(tensors, weights))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise ValueError("impossible alignment")
    # By the format, the weights begin at the next multiple of the alignment.
    needed = -(-header.at // alignment) * alignment + max(ends, default=0) if ends else header.at
    if needed > size:
        raise EOFError
    return GgufHeader(metadata, weights, size)


class _HeaderReader:
    """Reads values of the header in order; a read past its end raises."""

    def __init__(self, data: mmap) -> None:
        self.data = data
        self.at = 8

    def read_number(self, form: Struct) -> int:
        value: int = form.unpack_from(self.data, self.at)[0]
        self.at += form.size
        return value

    def read_text(self) -> str:
        length = self.read_number(_U64)
        start, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise EOFError
        return self.data[start : self.at].decode(errors="replace")

    def read_value(self) -> object:
        """Read one value; arrays are skipped and give None."""
        kind = self.read_number(_U32)
        if kind == _STRING:
            return self.read_text()
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise ValueError("unknown type of value")
        return self.read_number(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, count = self.read_number(_U32), self.read_number(_U64)
        if kind == _STRING:
            self._skip_strings(count)
        elif kind in _SCALARS:
            self.at += count * _SCALARS[kind].size
        else:
            raise ValueError("unknown type of array")

    def _skip_strings(self, count: int) -> None:
        # Vocabularies have hundreds of thousands of strings, so the loop is bare. It ends with the data.
        at, data, length = self.at, self.data, _U64.unpack_from
        for _ in range(count):
            at += 8 + length(data, at)[0]
        self.at = at

    def read_tensor_ends(self, count: int, weights_by_type: dict[int, int]) -> Iterator[int]:
        """Yield each tensor's end, in bytes after the weights begin, and count its weights by type."""
        for _ in range(count):
            self.read_text()
            dimensions = self.read_number(_U32)
            if dimensions > 8:
                raise ValueError("impossible tensor")
            weights = math.prod(self.read_number(_U64) for _ in range(dimensions))
            kind = self.read_number(_U32)
            weights_by_type[kind] = weights_by_type.get(kind, 0) + weights
            block, block_bytes = BLOCK_SIZES.get(kind, (1, 0))
            yield self.read_number(_U64) + weights // block * block_bytes
