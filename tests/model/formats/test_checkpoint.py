"""Transformers checkpoints: what a whole folder says, and one line for each way it can be bad."""

import json
import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save, save_file
from thorough import examples

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.checkpoint import INDEX, WEIGHTS, read_checkpoint
from qwen_chat.model.formats.safetensors import DTYPE_BITS, read_tensors

QWEN2 = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 32}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write(folder: Path, config: Mapping[str, Any] = QWEN2, **files: bytes) -> Path:
    """Write a small but complete checkpoint; `files` are more files, with `__` for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text('{"top_p": 0.8}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}\n')
    weights: dict[str, Any] = {
        "a.weight": np.ones((4, 8), dtype=np.float16),
        "b.bias": np.ones(3, dtype=np.float32),
    }
    save_file(weights, folder / WEIGHTS, {"format": "pt", "note": 'braces } { and "quotes\\"'})
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def shard(folder: Path) -> Path:
    """Put the weights of the checkpoint into two files with an index."""
    (folder / WEIGHTS).unlink()
    for number, name in enumerate(SHARDS):
        save_file({f"layer.{number}": np.ones((4, 8), dtype=np.float16)}, folder / name)
    places = {f"layer.{number}": name for number, name in enumerate(SHARDS)}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 128}, "weight_map": places}))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "Qwen-Tiny")


def fault(folder: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        read_checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_a_checkpoint_says(folder: Path) -> None:
    info = read_checkpoint(folder)
    assert (info.folder, info.model_type, info.config) == (folder, "qwen2", QWEN2)
    assert info.generation == {"top_p": 0.8}
    assert info.weight_bytes == (folder / WEIGHTS).stat().st_size
    assert (info.parameters, info.quantization) == (4 * 8 + 3, None)
    (folder / "generation_config.json").unlink()
    assert read_checkpoint(folder).generation == {}


def test_shards_are_read_as_one(folder: Path) -> None:
    info = read_checkpoint(shard(folder))
    assert info.parameters == 64
    assert info.weight_bytes == sum((folder / name).stat().st_size for name in SHARDS)


def test_links_are_followed(folder: Path, tmp_path: Path) -> None:
    links = tmp_path / "snapshot"
    links.mkdir()
    for file in folder.iterdir():
        (links / file.name).symlink_to(file)
    assert read_checkpoint(links).parameters == 35
    (folder / WEIGHTS).unlink()
    assert "model.safetensors is missing" in fault(links)


QUANTIZED: dict[str, tuple[object, dict[str, Any], int]] = {
    "gptq": (
        {"quant_method": "gptq", "bits": 4},
        {
            "q.qweight": np.zeros((8, 16), dtype=np.int32),
            "q.qzeros": np.zeros((1, 2), dtype=np.int32),
            "q.scales": np.zeros((1, 16), dtype=np.float16),
            "q.g_idx": np.zeros(64, dtype=np.int32),
            "norm.weight": np.zeros(64, dtype=np.float16),
        },
        64 * 16 + 64,
    ),
    "awq": ({"quant_method": "awq"}, {"q.qweight": np.zeros((64, 2), dtype=np.int32)}, 64 * 16),
    "bitsandbytes": (
        {"load_in_4bit": True},
        {
            "q.weight": np.zeros((512, 1), dtype=np.uint8),
            "q.weight.absmax": np.zeros(16, dtype=np.uint8),
            "q.weight.quant_state.bitsandbytes__nf4": np.zeros(90, dtype=np.uint8),
        },
        1024,
    ),
    "fp8": (
        {"quant_method": "fp8"},
        {"q.weight": np.zeros((4, 8), dtype=np.int8), "q.weight_scale_inv": np.zeros(1, dtype=np.float32)},
        32,
    ),
}


@pytest.mark.parametrize("method", QUANTIZED)
def test_quantized_weights_are_counted_as_weights(tmp_path: Path, method: str) -> None:
    said, weights, parameters = QUANTIZED[method]
    write(tmp_path, QWEN2 | {"quantization_config": said}, model__safetensors=save(weights))
    info = read_checkpoint(tmp_path)
    assert (info.quantization, info.parameters) == (method, parameters)


@pytest.mark.parametrize(
    "said", [[], "gptq", {"quant_method": 4, "bits": "four"}, {"bits": True}, {"bits": 0}]
)
def test_odd_quantization_configs(tmp_path: Path, said: object) -> None:
    info = read_checkpoint(write(tmp_path, QWEN2 | {"quantization_config": said}))
    assert info.quantization == ("unknown" if isinstance(said, dict) else None)
    assert info.parameters == 35


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b"", "config.json is empty"),
        (POINTER, "config.json is only a git-lfs pointer: run `git lfs pull`"),
        (b'{"model_type": "qwen2"', "config.json is not JSON, or cut short"),
        (b"\xff\xfe\x00", "config.json is not JSON"),
        (b"[" * 100_000, "config.json is not JSON"),
        (b" " * (1 << 23) + b"{}", "config.json is far too large"),
        (b"[]", "config.json is not a JSON object"),
        (b"{}", "names no model_type"),
        (b'{"model_type": 7}', "names no model_type"),
        (b'{"model_type": "qwen", "visual": {"width": 1664}}', "is of Qwen-VL"),
        (b'{"model_type": "qwen", "audio": {"n_mels": 80}}', "is of Qwen-Audio"),
        (b'{"model_type": "bert", "architectures": ["BertModel"]}', "is of BertModel, which cannot chat"),
        (b'{"model_type": "roberta"}', "is of roberta, which cannot chat"),
        (
            b'{"model_type": "qwen2_vl", "vision_config": {}}',
            "is of qwen2_vl, which also takes pictures: for text",
        ),
        (b'{"model_type": "qwen3_vl_moe"}', "is of qwen3_vl_moe, which also takes pictures or sound"),
        (b'{"model_type": "qwen2_audio", "audio_config": {}}', "also takes sound: for text chat use a GGUF"),
        (b'{"model_type": "qwen2", "architectures": ["Qwen2ForSequenceClassification"]}', "cannot chat"),
        (b'{"model_type": "t5", "is_encoder_decoder": true, "architectures": ["a\\nb"]}', "is of a?b, which"),
    ],
)
def test_configs_of_no_chat_model(folder: Path, config: bytes, said: str) -> None:
    (folder / "config.json").write_bytes(config)
    assert said in fault(folder)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "qwen2"},
        {"model_type": "qwen2", "visual": {}},
        {"model_type": "new", "architectures": "odd"},
        {"model_type": "new", "architectures": [1, None]},
        {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "is_encoder_decoder": False},
        {"model_type": "bert", "architectures": ["BertForCausalLM"]},
        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "vision_config": {}},
        {"model_type": "qwen3_vl_text", "architectures": ["Qwen3VLTextModel"]},
    ],
)
def test_what_may_be_a_chat_model_is_left_to_the_engine(tmp_path: Path, config: dict[str, Any]) -> None:
    assert read_checkpoint(write(tmp_path, config)).model_type == config["model_type"]


def test_the_generation_config_is_checked(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{")
    assert "generation_config.json is not JSON" in fault(folder)


def only(folder: Path, *names: str, content: bytes = b"{}") -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "has no config.json"),
        (("model.safetensors",), "has no config.json"),
        (("config.json",), "has no weights: fetch its .safetensors files"),
        (("config.json", "training_args.bin", "optimizer.pt"), "has no weights"),
        (("model_index.json", "model.safetensors"), "is no language model, but one for diffusers"),
        (("config.json", "pytorch_model-00001-of-00002.bin"), "(pytorch_model-00001-of-00002.bin), refused"),
        (("config.json", "model.pt"), "only pickled weights (model.pt)"),
        (("consolidated.00.pth",), "only pickled weights (consolidated.00.pth)"),
        (("adapter_config.json", "adapter_model.bin"), "is an adapter (LoRA), not a model"),
    ],
)
def test_folders_of_something_else(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    assert said in fault(only(tmp_path / "other", *names))


def test_an_adapter_names_its_model(tmp_path: Path) -> None:
    base = b'{"base_model_name_or_path": "Qwen/Qwen-7B-Chat\\n"}'
    names = ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json")
    adapter = only(tmp_path / "adapter", *names, content=base)
    assert "is an adapter (LoRA) for Qwen/Qwen-7B-Chat?, not a model" in fault(adapter)
    (adapter / "config.json").write_text(json.dumps(QWEN2))
    assert "is an adapter (LoRA)" in fault(adapter)
    assert read_checkpoint(write(adapter)).parameters == 35


class Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


def test_pickles_are_refused_unopened(folder: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickled = folder / "pytorch_model.bin"
    pickled.write_bytes(pickle.dumps(Canary(canary)))
    os.utime(pickled, (1, 1))
    assert read_checkpoint(folder).parameters == 35  # with safetensors there, they are let be
    (folder / WEIGHTS).unlink()
    said = fault(folder)
    assert "they can run code: use the safetensors version" in said
    assert "--revision refs/pr/1" in said
    assert not canary.exists()
    # Any reading would have renewed the time of access, which lay before that of writing ...
    os.utime(pickled, (1, 2))
    fault(folder)
    assert pickled.stat().st_atime == 1
    # ... and would never end here.
    pickled.unlink()
    os.mkfifo(pickled)
    assert fault(folder) == said
    unpickle, arguments = Canary(canary).__reduce__()
    unpickle(*arguments)
    assert canary.exists()


def test_missing_shards_are_named(folder: Path) -> None:
    shard(folder)
    (folder / SHARDS[1]).unlink()
    assert f"{folder / SHARDS[1]} is missing, with 1 of 2 shards" in fault(folder)
    (folder / SHARDS[0]).rename(folder / "other.safetensors")
    assert f"{folder / SHARDS[0]} is missing, with 2 of 2 shards" in fault(folder)
    (folder / INDEX).unlink()
    assert f"neither {WEIGHTS} nor {INDEX}: fetch that too, or rename other.safetensors" in fault(folder)


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"weight_map": {}},
        {"weight_map": [SHARDS[0]]},
        {"weight_map": {"a": 1}},
        {"weight_map": {"a": ["b"]}},
        {"weight_map": {"a": "../../outside.safetensors"}},
        {"weight_map": {"a": "/outside.safetensors"}},
        {"weight_map": {"a": "a\n\0.safetensors"}},
        {"weight_map": {"a": "pytorch_model.bin"}},
    ],
)
def test_an_index_names_files_of_its_folder_only(folder: Path, index: object) -> None:
    shard(folder)
    (folder / INDEX).write_text(json.dumps(index))
    assert f"{folder / INDEX} names no shards" in fault(folder)


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (POINTER, "git lfs pull"), (b"\x01", "is cut short")]
)
def test_weights_that_did_not_come(folder: Path, content: bytes, said: str) -> None:
    (folder / WEIGHTS).write_bytes(content)
    assert str(folder / WEIGHTS) in fault(folder)
    assert said in fault(folder)
    shard(write(folder))
    (folder / SHARDS[1]).write_bytes(content)
    assert said in fault(folder)


def test_weights_that_are_no_file(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    assert "is not a file" in fault(folder)
    (folder / WEIGHTS).rmdir()
    os.mkfifo(folder / WEIGHTS)
    assert "is not a file" in fault(folder)


def test_every_cut_of_the_weights_is_noticed(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    for length in range(len(data)):
        (folder / WEIGHTS).write_bytes(data[:length])
        assert str(folder / WEIGHTS) in fault(folder), length
    (folder / WEIGHTS).write_bytes(data + b"\0")
    assert "is damaged" in fault(folder)


def raw(path: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def entry(dtype: str = "F16", shape: str = "[1]", offsets: str = "[0,2]") -> bytes:
    return f'"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'.encode()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{",
        b"nonsense",
        b"{" + entry(),
        b"{" + entry() + b",}",
        b"{" + entry() + b"}}",
        b"{" + entry() + b"} x",
        b"{" + entry() + b" " + entry() + b"}",
        b"{" + entry(offsets="[2,0]") + b"}",
        b"{" + entry(offsets="[0]") + b"}",
        b"{" + entry(offsets="[0,4]") + b"}",
        b"{" + entry(offsets='[0,"2"]') + b"}",
        b"{" + entry(offsets="[0,1e999]") + b"}",
        b"{" + entry(shape="[-1]") + b"}",
        b"{" + entry(shape="[true]") + b"}",
        b"{" + entry(shape="null") + b"}",
        b"{" + entry(shape="[" + "9" * 5000 + "]") + b"}",
        b"{" + entry(dtype="F32") + b"}",
        b"{" + entry(dtype="new", shape="[5]") + b"," + entry(offsets="[0,2]").replace(b'"a"', b'"b"') + b"}",
        b'{"a":{}}',
        b'{"a":[]}',
        b'{"a":{"dtype":["F16"],"shape":[1],"data_offsets":[0,2]}}',
        b'{"\xff":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}',
    ],
)
def test_damaged_headers(folder: Path, header: bytes) -> None:
    raw(folder / WEIGHTS, header, b"\0\0")
    assert f"{folder / WEIGHTS} is damaged" in fault(folder) or "is cut short" in fault(folder)
    with pytest.raises(Exception, match=r"."), safe_open(folder / WEIGHTS, "numpy"):
        pass


def test_what_is_read_is_what_the_library_reads(tmp_path: Path) -> None:
    path = raw(tmp_path / WEIGHTS, b"{ " + entry().replace(b":", b" : ") + b" }   ", b"\0\0")
    with safe_open(path, "numpy") as file:
        assert [tensor.name for tensor in read_tensors(path)] == list(file.keys()) == ["a"]
    raw(path, b"{" + entry(dtype="NEW9") + b"}", b"\0\0")
    assert [tensor.size for tensor in read_tensors(path)] == [2]


def test_no_weights_at_all(folder: Path) -> None:
    raw(folder / WEIGHTS, b"{}")
    assert "has no weights" in fault(folder)


def test_sizes_of_types_are_numpys() -> None:
    names = {
        "F64": "f8",
        "F32": "f4",
        "F16": "f2",
        "I64": "i8",
        "I32": "i4",
        "I8": "i1",
        "U16": "u2",
        "BOOL": "?",
    }
    assert {name: np.dtype(code).itemsize * 8 for name, code in names.items()} == {
        name: DTYPE_BITS[name] for name in names
    }


@pytest.mark.timing
@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"{", 1 << 63),
        (b"{", (1 << 25) + 1),
        (b"{" + b'"a":{"dtype":' + b"[" * (1 << 22), None),
        (b"{" + b'"a":' * (1 << 20), None),
        (b'{"a":{"dtype":"' + b"\\" * (1 << 22), None),
        (b"{" + entry(shape="[" + "[]," * (1 << 20) + "1]")[:-1], None),
        (b"{" * (1 << 22), None),
        (b" " * (1 << 22), None),
        (b"{" + b" " * (1 << 22), None),
        (b"{" + entry() + b"}" + b" " * (1 << 22) + b"x", None),
    ],
)
def test_hostile_headers_cost_little(folder: Path, header: bytes, length: int | None) -> None:
    raw(folder / WEIGHTS, header, length=length)
    tracemalloc.start()
    start = time.perf_counter()
    fault(folder)
    assert time.perf_counter() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 4 * len(header) + (1 << 20)
    tracemalloc.stop()


@pytest.mark.timing
def test_a_large_header_is_read_quickly(folder: Path) -> None:
    form = '"model.layers.{}.weight":{{"dtype":"F16","shape":[1],"data_offsets":[{},{}]}}'
    entries = [form.format(number, 2 * number, 2 * number + 2) for number in range(50_000)]
    raw(folder / WEIGHTS, b"{" + ",".join(entries).encode() + b"}")
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size + 100_000)
    start = time.perf_counter()
    assert read_checkpoint(folder).parameters == 50_000
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        ((), False),
        (("tokenizer_config.json",), False),
        (("vocab.json",), False),
        (("vocab.json", "merges.txt"), True),
        (("tokenizer.model",), True),
        (("spiece.model",), True),
        (("other.tiktoken",), True),
    ],
)
def test_tokenizers(folder: Path, names: tuple[str, ...], whole: bool) -> None:
    (folder / "tokenizer.json").unlink()
    for name in names:
        (folder / name).write_text("{}")
    if whole:
        assert read_checkpoint(folder).model_type == "qwen2"
    else:
        assert f"{folder} has no tokenizer.json: fetch this file from the model's page" in fault(folder)


def test_the_first_qwens_tokenizer(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model_type": "qwen"})
    assert read_checkpoint(folder).model_type == "qwen"
    (folder / "tokenizer.json").rename(folder / "vocab.json")
    (folder / "merges.txt").write_text("a b")
    assert "has no qwen.tiktoken: fetch this file from the model's page" in fault(folder)
    (folder / "qwen.tiktoken").write_text("IQ== 0\n")
    assert read_checkpoint(folder).model_type == "qwen"


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (POINTER, "git lfs pull"), (b'{"a": ', "cut short"), (b"a}", "not JSON")],
)
def test_tokenizer_files_that_did_not_come(folder: Path, name: str, content: bytes, said: str) -> None:
    (folder / name).write_bytes(content)
    assert f"{folder / name} " in fault(folder)
    assert said in fault(folder)


def test_what_cannot_be_read(tmp_path: Path, folder: Path) -> None:
    assert "No such file" in fault(tmp_path / "none")
    assert "Not a directory" in fault(folder / WEIGHTS)


FILES = ("config.json", "generation_config.json", "tokenizer.json", INDEX, *SHARDS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shard(write(tmp_path_factory.mktemp("good") / "Qwen-Tiny"))


@examples(400)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(FILES),
            st.sampled_from(("cut", "change", "remove", "grow")),
            st.integers(0, 1 << 16),
            st.binary(min_size=1, max_size=8)
            | st.sampled_from((b'"', b"[", b"{}", b"null", b"-1", b"\\ud800")),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_damage_is_refused_in_one_line_or_harmless(
    good: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged") / "Qwen-Tiny"
    copytree(good, folder)
    for name, what, place, piece in changes:
        damage(folder / name, what, place, piece)
    found = outcome(folder)
    if isinstance(found, str):
        assert found.isprintable()
    else:
        assert found == sum((folder / name).stat().st_size for name in SHARDS)


def outcome(folder: Path) -> str | int:
    try:
        return read_checkpoint(folder).weight_bytes
    except ModelLoadError as error:
        return str(error)


def damage(path: Path, what: str, place: int, piece: bytes) -> None:
    data = path.read_bytes() if path.exists() else b""
    start = place % (len(data) + 1)
    if what == "remove":
        path.unlink(missing_ok=True)
    elif what == "cut":
        path.write_bytes(data[:start])
    else:
        end = start + len(piece) if what == "change" else start
        path.write_bytes(data[:start] + piece + data[end:])
