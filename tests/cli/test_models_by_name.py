"""Models by name: fetched from a hub on loopback, talked to, and removed."""

import json
import shutil
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import one_model
import pytest
from command import RunCommand
from hub import Hub, serve_hub

from qwen_chat.model.catalog import fetch_known, known_models
from qwen_chat.model.catalog.locate import locate
from qwen_chat.model.catalog.machine import MachineMemory

SMALL = b"GGUF" + bytes(5_000_000)
"""What is fetched where nobody talks to it."""


@pytest.fixture(scope="module")
def data(small_path: Path) -> bytes:
    """Return the bytes of the model that the hub has."""
    return small_path.read_bytes()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, small_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let all caches be empty; return the folder for models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "MODELSCOPE_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "hubs"))
    return tmp_path / "cache" / "qwen-chat" / "models"


@pytest.fixture
def hub(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve a hub with the one model of the catalogue; the other hub is nowhere."""
    one_model.write_catalogue(tmp_path / "models.toml", data, monkeypatch)
    with serve_hub() as served:
        served.put(one_model.REPOSITORY, one_model.FILE_NAME, data)
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
        yield served


def test_a_model_is_fetched_answers_and_is_removed(
    qwen_chat: RunCommand, hub: Hub, cache: Path, data: bytes
) -> None:
    said = qwen_chat("-c", "wee", "-p", "Say yes.", "--json", "--threads", "1", "--max-new-tokens", "3")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["model"] == "tiny"
    path = cache / "tiny-q8_0" / one_model.FILE_NAME
    announced, fetching = said.stderr.splitlines()[:2]
    assert announced.startswith("Tiny (q8_0), published by Own, licence Apache-2.0: short questions ")
    assert fetching == f"fetching tiny (8 MB, once) from Hugging Face to {path.parent}"
    assert path.read_bytes() == data
    asked = len(hub.asked)
    got = qwen_chat("models", "get", "tiny:q8_0")
    assert (got.returncode, got.stdout) == (
        0,
        f"tiny is here already: {path}\nTalk to it: qwen-chat -c tiny\n",
    )
    assert len(hub.asked) == asked
    listed = [json.loads(line) for line in qwen_chat("models", "--json", "--all").stdout.splitlines()]
    assert [(each["checkpoint"], each["here"]) for each in listed] == [("tiny", True)]
    assert qwen_chat("models", "remove", "tiny", stdin="n\n").stdout == "tiny stays\n"
    gone = qwen_chat("models", "remove", "tiny", "--yes")
    assert gone.stdout == "removed tiny: 8 MB are free again\n"
    assert not path.parent.exists()
    again = qwen_chat("models", "remove", "tiny", "--yes")
    assert (again.returncode, again.stderr) == (
        2,
        "qwen-chat: tiny is not here: `qwen-chat models` lists what is\n",
    )


def test_wrong_bytes_are_not_kept(
    qwen_chat: RunCommand, hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_model.write_catalogue(tmp_path / "small.toml", SMALL, monkeypatch)
    hub.put(one_model.REPOSITORY, one_model.FILE_NAME, SMALL[:-1] + b"x")
    got = qwen_chat("models", "get", "tiny")
    assert got.returncode == 2
    assert "Hugging Face: it has another file, of another SHA-256" in got.stderr.splitlines()[-1]
    assert [path for path in cache.rglob("*.gguf*") if path.suffix != ".lock"] == []
    assert qwen_chat("models", "remove", "tiny", "--yes").returncode == 2


def test_all_parts_of_a_model_are_fetched(
    qwen_chat: RunCommand, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    names = [f"tiny-q8_0-0000{number}-of-00002.gguf" for number in (1, 2)]
    parts = [b"GGUF" + bytes(2**17), b"GGUF" + bytes(2**16)]
    files = ", ".join(
        f'{{ name = "{name}", bytes = {len(part)}, sha256 = "{sha256(part).hexdigest()}" }}'
        for name, part in zip(names, parts, strict=True)
    )
    text = (tmp_path / "models.toml").read_text(encoding="utf-8")
    two = tmp_path / "two.toml"
    two.write_text(text.partition("files = ")[0] + f"files = [{files}]\n", encoding="utf-8")
    monkeypatch.setattr(known_models, "FILE", two)
    for name, part in zip(names, parts, strict=True):
        hub.put(one_model.REPOSITORY, name, part)
    got = qwen_chat("models", "get", "tiny")
    assert got.returncode == 0, got.stderr
    assert "fetching tiny, part 2 of 2 (0 MB, once) from Hugging Face" in got.stderr
    assert [(cache / "tiny-q8_0" / name).read_bytes() for name in names] == parts
    (cache / "tiny-q8_0" / names[1]).unlink()
    assert "is here: " in qwen_chat("models", "get", "tiny").stdout
    assert (cache / "tiny-q8_0" / names[1]).exists()


def test_a_size_and_a_hash_that_are_not_known_come_from_the_hub(
    qwen_chat: RunCommand, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (tmp_path / "models.toml").read_text(encoding="utf-8")
    bare = tmp_path / "bare.toml"
    files = f'files = [{{ name = "{one_model.FILE_NAME}" }}]\n'
    bare.write_text(text.partition("files = ")[0] + files, encoding="utf-8")
    monkeypatch.setattr(known_models, "FILE", bare)
    hub.put(one_model.REPOSITORY, one_model.FILE_NAME, SMALL)
    assert "about 143 MB" in qwen_chat("models").stdout
    got = qwen_chat("models", "get", "tiny")
    assert "fetching tiny (5 MB, once)" in got.stderr
    assert got.stdout.startswith("tiny is here: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("models", "get", "tinny"), "no model has the name 'tinny'; did you mean tiny?"),
        (("models", "remove", "zebra"), "no model has the name 'zebra'; `qwen-chat models` lists all"),
        (("-c", "tinny", "-p", "hi"), "no such file, folder or model: tinny; did you mean tiny?"),
        (
            ("models", "get", "tiny:q2_k"),
            "tiny has no 'q2_k' here: take tiny:q8_0; others are at -c own/tiny:q2_k",
        ),
    ],
)
def test_a_misspelt_name(qwen_chat: RunCommand, hub: Hub, words: tuple[str, ...], said: str) -> None:
    done = qwen_chat(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"qwen-chat: {said}")
    assert len(done.stderr.splitlines()) == 1
    assert hub.asked == []


def test_a_folder_of_the_name_wins(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "tiny").mkdir(parents=True)
    (tmp_path / "work" / "tiny" / "other.gguf").write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path / "work")
    assert locate("tiny", sys.stderr).name == "other"
    assert hub.asked == []


@pytest.mark.parametrize(
    ("total", "mend"), [(110, "take --ctx-size 4096"), (15, "name a smaller model")], ids=["context", "none"]
)
def test_what_the_memory_cannot_hold_is_refused(
    qwen_chat: RunCommand, hub: Hub, monkeypatch: pytest.MonkeyPatch, total: int, mend: str
) -> None:
    machine = MachineMemory(total=total * 10**6, free=total * 10**6)
    monkeypatch.setattr(fetch_known, "read_machine_memory", lambda: machine)
    monkeypatch.setattr(fetch_known, "may_have_gpu", lambda: False)
    done = qwen_chat("models", "get", "tiny")
    assert done.returncode == 2
    assert done.stderr == f"qwen-chat: tiny needs 197 MB of memory, this machine has {total} MB: {mend}\n"
    assert hub.asked == []


def test_what_the_disk_cannot_hold_is_refused(
    qwen_chat: RunCommand, hub: Hub, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    usage = shutil.disk_usage("/")._replace(free=70 * 10**6)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    done = qwen_chat("models", "get", "tiny")
    assert done.returncode == 2
    folder = cache / "tiny-q8_0"
    fault = f"tiny needs 8 MB in {folder}, where 70 MB are free"
    assert done.stderr == f"qwen-chat: {fault}: make room there, or take a smaller model\n"
    assert hub.asked == []
