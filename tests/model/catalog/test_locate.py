"""What `-c` can mean: every kind of file and folder."""

import os
import sys
from io import StringIO
from pathlib import Path

import pytest

from qwen_chat.errors import MissingExtraError, ModelLoadError
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog.locate import ModelLocation, locate

REPO = "Qwen/Tiny-GGUF"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"GGUF")
    return folder


def fault(checkpoint: object) -> str:
    with pytest.raises(ModelLoadError) as caught:
        locate(str(checkpoint), StringIO())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def found(checkpoint: object) -> ModelLocation:
    return locate(str(checkpoint), StringIO())


def test_nothing_named_is_the_chosen_embedded_model() -> None:
    path, small = embedded.fetch(embedded.SMALL, sys.stderr), embedded.SMALL
    assert locate(None, StringIO(), embedded=small.key) == ModelLocation(path, small.name, embedded=small)
    for name in ("embedded", small.key):
        assert locate(name, StringIO(), embedded=small.key) == locate(None, StringIO(), embedded=small.key)


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "qwen-q4.gguf", "LOUD.GGUF", "sha256-abc")
    assert found(tmp_path / "qwen-q4.gguf") == ModelLocation(tmp_path / "qwen-q4.gguf", "qwen-q4")
    assert found(tmp_path / "LOUD.GGUF").name == "LOUD"
    assert found(tmp_path / "sha256-abc").name == "sha256-abc"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert found("~/qwen-q4.gguf").path == tmp_path / "qwen-q4.gguf"


def test_a_model_in_parts(tmp_path: Path) -> None:
    folder = touch(tmp_path, *(f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)))
    first = ModelLocation(folder / "big-00001-of-00003.gguf", "big")
    assert found(folder / "big-00003-of-00003.gguf") == first
    assert found(folder) == first
    (folder / "big-00002-of-00003.gguf").unlink()
    for checkpoint in (folder, folder / "big-00001-of-00003.gguf"):
        assert "big-00002-of-00003.gguf is missing" in fault(checkpoint)


def test_a_folder_with_one_model(tmp_path: Path) -> None:
    touch(tmp_path, "one.gguf", "mmproj-one.gguf", "._one.gguf", "config.json")
    assert found(tmp_path) == ModelLocation(tmp_path / "one.gguf", "one")


def test_a_folder_with_several(tmp_path: Path) -> None:
    touch(tmp_path, *(f"model-{n}.gguf" for n in range(7)))
    said = fault(tmp_path)
    assert "model-0.gguf, model-1.gguf, model-2.gguf, model-3.gguf, model-4.gguf and 2 more" in said
    assert f"name one, -c {tmp_path}/FILE" in said


@pytest.mark.parametrize(
    ("name", "named", "said"),
    [
        ("README.md", ".", "no model in "),
        ("model.pth", "model.pth", "can run code"),
        ("pytorch_model.bin", "pytorch_model.bin", "can run code"),
        ("model.gguf", "modle.gguf", "model.gguf?"),
        ("unlike", "model.gguf", "no such file or folder: "),
    ],
)
def test_what_is_no_model(tmp_path: Path, name: str, named: str, said: str) -> None:
    assert said in fault(touch(tmp_path, name) / named)


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "pytorch_model.bin", "adapter_config.json", "model_index.json"],
)
def test_a_folder_for_transformers(tmp_path: Path, name: str) -> None:
    folder = touch(tmp_path / "Qwen-7B", name)
    assert found(folder) == ModelLocation(folder, "Qwen-7B", "transformers")


@pytest.mark.parametrize(
    "name",
    ["config.json", "model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json"],
)
def test_a_file_of_a_checkpoint_means_its_folder(tmp_path: Path, name: str) -> None:
    folder = touch(tmp_path / "Qwen-7B", name, "Qwen-7B.gguf")
    assert found(folder / name) == ModelLocation(folder, "Qwen-7B", "transformers")


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path / "Qwen-7B", "config.json"))
    assert found(".").name == found("config.json").name == "Qwen-7B"


def test_a_gguf_beside_safetensors_is_meant(tmp_path: Path) -> None:
    folder = touch(tmp_path, "config.json", "model.safetensors", "one.gguf")
    assert (
        found(folder) == found(folder / "one.gguf") == ModelLocation(folder / "one.gguf", "one", "llamacpp")
    )


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Not a model.")
    (tmp_path / "gone.gguf").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "queue")
    assert "is not a GGUF file" in fault(tmp_path / "notes.txt")
    assert "is not a GGUF file" in fault(tmp_path / "queue")
    assert fault(tmp_path / "gone.gguf").startswith("no such file or folder: ")
    assert "did you mean" not in fault(tmp_path / "gone.gguf")


@pytest.mark.parametrize("checkpoint", ["", " ", "a\0b", "x" * 5000, "~nobody-here/model.gguf", "qwen"])
def test_odd_texts(checkpoint: str) -> None:
    assert fault(checkpoint)


@pytest.mark.parametrize(
    "checkpoint", ["./a/b", "/a/b", "a/b.gguf", "a/b/c", "a/b.GGUF", "-a/b", "a/", "a b/c"]
)
def test_paths_never_reach_the_hub(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert fault(checkpoint).startswith("no such file or folder: ")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for checkpoint in (REPO, f"{REPO}:q4_k_m", f"{REPO}:tiny.gguf"):
        assert "qwen-chat-apps[hub]" in fault(checkpoint)
    monkeypatch.setitem(sys.modules, "modelscope_hub", None)
    with pytest.raises(MissingExtraError, match=r"qwen-chat-apps\[modelscope\]"):
        locate(REPO, StringIO(), hub="modelscope")
