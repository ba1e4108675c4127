"""GGUF headers: what a good file says, and one line for each way a file can be bad."""

import math
import os
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import embedded
from qwen_chat.model.formats.gguf import BLOCK_SIZES, GgufInfo, part_paths, read_info

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


def write(path: Path, *, tokenizer: bool = True, tensors: int = 1, kind: str = "", **options: Any) -> Path:
    """Write a small but complete GGUF file by the format's own library."""
    writer = GGUFWriter(path, "qwen2", **options)
    writer.add_name("Tiny")
    writer.add_context_length(4096)
    writer.add_float32("qwen2.rope.freq_base", 1e6)
    if kind:
        writer.add_type(kind)
    if tokenizer:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list([f"token {number}" for number in range(50)])
        writer.add_token_types([1] * 50)
        writer.add_chat_template(TEMPLATE)
    for number in range(tensors):
        writer.add_tensor(f"weight.{number}", np.ones((4, 8), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def fault(path: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        read_info(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def raw(path: Path, *pieces: bytes, tensors: int = 0, facts: int = 0, version: int = 3) -> Path:
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, tensors, facts) + b"".join(pieces))
    return path


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def test_what_a_file_says(tiny: Path) -> None:
    assert read_info(tiny) == GgufInfo("qwen2", 4096, {"default": TEMPLATE}, "Tiny", tiny.stat().st_size)


def test_the_demo_model() -> None:
    info = read_info(embedded.fetch(embedded.SMALL, sys.stderr))
    assert (info.architecture, info.context_length) == ("llama", 8192)
    assert "<|im_start|>" in (info.chat_template or "")


def test_a_base_model_has_no_template(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "base.gguf", "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tensor("weight", np.ones(32, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    info = read_info(tmp_path / "base.gguf")
    assert (info.chat_template, info.context_length, info.name) == (None, None, None)


@pytest.mark.timing
def test_a_large_vocabulary_is_passed_over_quickly(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "large.gguf", "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token-{number}" for number in range(150_000)])
    writer.add_token_merges([f"to ken{number}" for number in range(150_000)])
    writer.add_token_types([1] * 150_000)
    writer.add_context_length(32_768)
    writer.add_tensor("weight", np.ones(32, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert read_info(tmp_path / "large.gguf").context_length == 32_768
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.15


def test_every_cut_is_noticed(tiny: Path, tmp_path: Path) -> None:
    data, cut = tiny.read_bytes(), tmp_path / "cut.gguf"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        assert str(cut) in fault(cut), length


@examples(300)
@given(changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)), max_size=4))
def test_damage_is_refused_or_harmless(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]
) -> None:
    data = bytearray(tiny.read_bytes())
    for place, piece in changes:
        start = place % len(data)
        data[start : start + len(piece)] = piece
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(data)
    with suppress(ModelLoadError):
        assert read_info(path).file_bytes == len(data)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "is not a GGUF file"),
        (b"GGU", "is not a GGUF file"),
        (b"GGUF", "cut short"),
        (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 1, 1, 1), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 4, 1, 1), "version 4"),
    ],
)
def test_what_is_no_gguf_file(tmp_path: Path, start: bytes, said: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(start)
    assert said in fault(path)


@pytest.mark.timing
@pytest.mark.parametrize(
    ("pieces", "counts"),
    [
        ((), {"facts": 2**63}),
        ((), {"tensors": 2**63}),
        ((struct.pack("<Q", 2**64 - 1),), {"facts": 1}),
        ((text(b"a"), struct.pack("<I", 99)), {"facts": 1}),
        ((text(b"a"), struct.pack("<IQ", 8, 2**63)), {"facts": 1}),
        ((text(b"a"), struct.pack("<IIQ", 9, 9, 1)), {"facts": 1}),
        ((text(b"a"), struct.pack("<IIQ", 9, 8, 2**64 - 1)), {"facts": 1}),
        ((text(b"a"), struct.pack("<IIQ", 9, 10, 2**64 - 1)), {"facts": 1}),
        ((text(b"a"), struct.pack("<IIQQ", 9, 8, 2, 2**63)), {"facts": 1}),
        ((text(b"general.alignment"), struct.pack("<II", 4, 0)), {"facts": 1}),
        ((text(b"w"), struct.pack("<I", 2**32 - 1)), {"tensors": 1}),
        ((text(b"w"), struct.pack("<IQIQ", 1, 2**64 - 1, 0, 2**64 - 1)), {"tensors": 1}),
    ],
)
def test_hostile_headers_cost_nothing(tmp_path: Path, pieces: tuple[bytes, ...], counts: Any) -> None:
    start = time.perf_counter()
    fault(raw(tmp_path / "hostile.gguf", *pieces, **counts))
    assert time.perf_counter() - start < 0.5


def test_an_endless_vocabulary_ends(tmp_path: Path) -> None:
    path = raw(tmp_path / "hostile.gguf", text(b"a"), struct.pack("<IIQ", 9, 8, 2**62), facts=1)
    os.truncate(path, 1 << 31)  # zeros, which are empty strings
    assert "cut short or damaged" in fault(path)


def test_parts_are_read_as_one(tmp_path: Path) -> None:
    write(tmp_path / "split.gguf", tensors=3, split_max_tensors=1)
    files = sorted(tmp_path.glob("*.gguf"))
    assert [file.name[-14:] for file in files] == [f"{n:05}-of-00003.gguf"[-14:] for n in (1, 2, 3)]
    assert part_paths(files[1]) == files
    assert read_info(files[2]).file_bytes == sum(file.stat().st_size for file in files)
    files[1].write_bytes(files[1].read_bytes()[:-1])
    assert str(files[1]) in fault(files[0])
    files[1].unlink()
    assert f"{files[1]} is missing" in fault(files[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tokenizer": False}, "no language model"),
        ({"tensors": 0}, "no weights"),
        ({"kind": "adapter"}, "LoRA"),
        ({"kind": "mmproj"}, "image part"),
    ],
)
def test_files_that_hold_no_model(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    assert said in fault(write(tmp_path / "other.gguf", **options))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in fault(tmp_path / "none.gguf")
    assert "is not a file" in fault(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "is not a file" in fault(tmp_path / "pipe.gguf")


def test_sizes_of_tensor_types_are_the_formats() -> None:
    sizes = {int(kind): size for kind, size in GGML_QUANT_SIZES.items()}
    assert {kind: sizes[kind] for kind in BLOCK_SIZES} == BLOCK_SIZES
    assert all(math.prod(size) > 0 for size in BLOCK_SIZES.values())
