"""Files that are no models which run here: each is named for what it is, with what helps."""

import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
from babbler import write_babbler

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog.locate import locate
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.formats.gguf import read_info

GGUF = b"GGUF\x03" + bytes(80)


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        (
            "m.gguf-split-aa",
            GGUF,
            "is a piece of a file that was split: join all pieces in their order into m.gguf",
        ),
        ("m.gguf-split-ab", b"xyz", "is a piece of a file that was split"),
        ("m.gguf.part1of2", GGUF, "is a piece of a file that was split"),
        ("m.gguf.part2", b"xyz", "is a piece of a file that was split"),
        (
            "m.Q4_K_M.gguf.001",
            GGUF,
            "is a piece of a file that was split: join all pieces in their order into m.Q4_K_M.gguf",
        ),
        ("m.gguf-aa", GGUF, "is a piece of a file that was split"),
        ("ggml-model-q4_0.bin", b"lmgg" + bytes(60), "is a ggml file of 2023"),
        ("model", b"tjgg" + bytes(60), "is a ggml file of 2023"),
        ("lora.bin", b"algg" + bytes(60), "is a ggml adapter"),
        ("pytorch_model.bin", b"PK\x03\x04" + bytes(60), "is refused, pickled weights can run code"),
        ("model.pth", b"\x80\x02}q", "is refused, pickled weights can run code"),
        ("model.ckpt", b"\x80\x02}q", "is refused, pickled weights can run code"),
        ("model.zip", b"PK\x03\x04" + bytes(60), "is a ZIP file: unpack it"),
        ("m.gguf.gz", b"\x1f\x8b\x08" + bytes(60), "is packed with gzip"),
        ("m.gguf.zst", b"\x28\xb5\x2f\xfd" + bytes(60), "is packed with zstd"),
        ("m.gguf.xz", b"\xfd7zXZ" + bytes(60), "is packed with xz"),
        ("model.onnx", b"\x08\x07" + bytes(60), "is a model for ONNX Runtime"),
        ("page.gguf", b"<!DOCTYPE html><html>", "holds text, as of an error page"),
        ("error.gguf", b'{"error": "not found"}', "holds text, as of an error page"),
        ("pointer.gguf", b"version https://git-lfs.github.com/spec/v1", "is only a git-lfs pointer"),
        ("notes.txt", b"hello", "is not a GGUF file"),
        ("empty.gguf", b"", "is empty: fetch it again"),
    ],
)
def test_a_file_is_named_for_what_it_is(tmp_path: Path, name: str, start: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(ModelLoadError, match=re.escape(f"{tmp_path / name} {said}"[:-1])):
        read_info(locate(str(tmp_path / name), sys.stderr).path)


def test_a_gguf_without_a_suffix_is_one(tmp_path: Path) -> None:
    path = write_babbler(tmp_path / "sha256-0123")
    assert locate(str(path), sys.stderr).path == path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda writer: writer.add_pooling_type(gguf.PoolingType.MEAN), "is an embedding model"),
        (lambda writer: writer.add_pooling_type(gguf.PoolingType.RANK), "is a reranker"),
    ],
)
def test_a_gguf_that_turns_text_into_numbers(
    tmp_path: Path, change: Callable[[gguf.GGUFWriter], object], said: str
) -> None:
    path = write_babbler(tmp_path / "a.gguf", change=change)
    with pytest.raises(ModelLoadError, match=f"{said}, which turns text into numbers and cannot chat"):
        read_info(path)


def test_a_gguf_without_pooling_is_left_alone(tmp_path: Path) -> None:
    path = write_babbler(
        tmp_path / "a.gguf", change=lambda writer: writer.add_pooling_type(gguf.PoolingType.NONE)
    )
    assert read_info(path).architecture == "llama"


@pytest.mark.parametrize("name", ["modules.json", "config_sentence_transformers.json"])
def test_a_checkpoint_that_turns_text_into_numbers(tmp_path: Path, name: str) -> None:
    for each in ("config.json", "model.safetensors", name):
        (tmp_path / each).write_text("{}")
    with pytest.raises(ModelLoadError, match="is an embedding model or a reranker"):
        read_checkpoint(tmp_path)


def test_a_zip_file_is_told_from_pickled_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("m.gguf", "x")
    with pytest.raises(ModelLoadError, match="is a ZIP file"):
        locate(str(tmp_path / "m.zip"), sys.stderr)
