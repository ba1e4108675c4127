"""`qwen-chat models`: real files in the folders that the hubs' libraries keep, broken ones among them."""

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import one_model
import pytest
import tiny
import tiny_hf
from command import RunCommand

from qwen_chat.model.catalog import inventory
from qwen_chat.model.catalog.cache import StoredModel
from qwen_chat.model.catalog.inventory import LocalModel
from qwen_chat.model.catalog.machine import MachineMemory, read_machine_memory
from qwen_chat.model.catalog.survey import Survey

List = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point both hubs' caches at empty folders."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    return tmp_path


@pytest.fixture(scope="module")
def gguf(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a small model, as a file has it."""
    return tiny.write_model(tmp_path_factory.mktemp("tiny") / "a.gguf", model_path, None).read_bytes()


@pytest.fixture
def listed(qwen_chat: RunCommand) -> List:
    """Run the command, and return what it lists by the name for -c."""

    def run(*folders: Path) -> dict[str, dict[str, Any]]:
        done = qwen_chat("models", "--json", *map(str, folders))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return {entry["checkpoint"]: entry for entry in map(json.loads, done.stdout.splitlines())}

    return run


def snapshot(cache: Path, repo: str, revision: str, *, main: bool = True) -> Path:
    """Make the folder of a repository's revision, as the Hugging Face library does."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    place = folder / "snapshots" / revision
    place.mkdir(parents=True)
    if main:
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(revision)
    return place


def test_the_cache_of_the_hub(hubs: Path, gguf: bytes, listed: List) -> None:
    cache = hubs / "hf" / "hub"
    place = snapshot(cache, "Qwen/Tiny-GGUF", "abc")
    blob = cache / "models--Qwen--Tiny-GGUF" / "blobs" / "123"
    blob.parent.mkdir()
    blob.write_bytes(gguf)
    (place / "tiny-f16.gguf").symlink_to(blob)
    older = snapshot(cache, "Qwen/Tiny-GGUF", "old", main=False)
    (older / "tiny-f16.gguf").symlink_to(blob)
    (place / "tiny-q8_0.gguf").write_bytes(gguf[:1000])
    tiny_hf.write_checkpoint(snapshot(cache, "Qwen/Plain", "abc"))
    (snapshot(cache, "Qwen/Begun", "abc") / "config.json").write_text("{}")
    found = listed()
    assert "smollm2-135m" in found
    good = found["Qwen/Tiny-GGUF:tiny-f16.gguf"]
    assert (good["kind"], good["context_length"], good["fault"]) == ("GGUF F16", 512, None)
    assert good["memory_bytes"] == {
        "least": (total := good["file_bytes"] + 512 * 256),
        "most": total,
        "context": 512,
    }
    assert (good["fits"], good["written_per_second"]) == ("yes", None)
    plain = found["Qwen/Plain"]
    assert plain["kind"] == "safetensors float32"
    assert plain["parameters"] > 10_000
    assert "is cut short or damaged: fetch it again" in found["Qwen/Tiny-GGUF:tiny-q8_0.gguf"]["fault"]
    assert "has no weights" in found["Qwen/Begun"]["fault"]
    assert not [name for name in found if "/old/" in name], "the same file once more"


def test_modelscopes_cache_old_and_new(hubs: Path, gguf: bytes, listed: List) -> None:
    for folder in ("models/Qwen--New/snapshots/master", "models/Qwen/Old", "hub/models/Qwen/Older"):
        (hubs / "ms" / folder).mkdir(parents=True)
        (hubs / "ms" / folder / "a.gguf").write_bytes(gguf)
    found = listed()
    assert found["Qwen/New:a.gguf"]["hub"] == "modelscope"
    assert str(hubs / "ms/models/Qwen/Old/a.gguf") in found
    assert str(hubs / "ms/hub/models/Qwen/Older/a.gguf") in found


def test_folders_of_ones_own(hubs: Path, gguf: bytes, listed: List) -> None:
    deep = hubs / "mine" / "owner" / "name"
    deep.mkdir(parents=True)
    (deep / "whole.gguf").write_bytes(gguf)
    (deep / "half-00001-of-00002.gguf").write_bytes(gguf)
    (deep / "mmproj-whole.gguf").write_bytes(b"no model")
    (hubs / "mine" / "config.json").write_text("{}")
    (hubs / "mine" / "adapter").mkdir()
    (hubs / "mine" / "adapter" / "adapter_model.safetensors").write_bytes(b"")
    (hubs / "mine" / "adapter" / "adapter_config.json").write_text("{}")
    found = listed(hubs / "mine", deep / "whole.gguf")
    mine = {Path(name).name: entry["fault"] for name, entry in found.items() if str(hubs) in name}
    assert set(mine) == {"whole.gguf", "half-00001-of-00002.gguf", "adapter"}
    assert mine["whole.gguf"] is None
    assert "half-00002-of-00002.gguf is missing" in mine["half-00001-of-00002.gguf"]
    assert "is an adapter (LoRA), not a model" in mine["adapter"]


def test_a_folder_that_is_not_there(qwen_chat: RunCommand, hubs: Path) -> None:
    done = qwen_chat("models", str(hubs / "nowhere"))
    assert done.returncode == 2
    assert done.stderr == (
        f"qwen-chat: cannot look into {hubs / 'nowhere'} (No such file or directory): "
        "name a folder with models\n"
    )


def test_the_table(qwen_chat: RunCommand, hubs: Path, gguf: bytes) -> None:
    (hubs / "mine").mkdir()
    (hubs / "mine" / "tiny.gguf").write_bytes(gguf)
    (hubs / "mine" / "bad\x1b[31m.gguf").write_bytes(b"no")
    done = qwen_chat("models", str(hubs / "mine"))
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    below = {line: after for line, after in pairwise(lines) if not line.startswith(" ")}
    assert below["smollm2-135m"].startswith("  GGUF Q4_1  ")
    assert re.search(r" 98 MB +134\.5 M +8,192  yes, 287 MB ", below["smollm2-135m"])
    assert below[str(hubs / "mine" / "tiny.gguf")].startswith("  GGUF F16 ")
    assert below[str(hubs / "mine" / "tiny.gguf")].endswith("  not run here yet")
    assert any(
        line.endswith("bad[31m.gguf is not a GGUF file: name one, or convert the model to GGUF")
        for line in lines
    )
    assert "8,192" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have 8 GB, 6 GB of it free."""
    machine = MachineMemory(total=8 * 10**9, free=6 * 10**9)
    monkeypatch.setattr("qwen_chat.cli.models.read_machine_memory", lambda: machine)


def test_models_to_get(qwen_chat: RunCommand, roomy: None) -> None:
    lines = qwen_chat("models").stdout.splitlines()
    offered = {words[0]: line for line in lines if (words := line.split()) and words[0].startswith("qwen")}
    assert re.search(r" 2\.5 GB  yes, 3\.7 GB +about [\d.]+  general chat and math", offered["qwen3-4b"])
    assert " tight, 6.2 GB " in offered["qwen3-8b"]
    assert "qwen3-14b" not in offered
    assert "qwen3-4b:q8_0" not in offered
    assert any(line.startswith("Fetch one: qwen-chat models get NAME") for line in lines)
    assert any("a cautious estimate from the speed of the memory" in line for line in lines)
    lines = qwen_chat("models", "--all").stdout.splitlines()
    assert any(line.startswith("qwen3-14b ") and " no, 10.3 GB " in line for line in lines)
    assert any(re.search(r"^qwen3-32b:q8_0 +about 34\.\d GB  no, ", line) for line in lines)
    assert not any("more with --all" in line for line in lines)


def test_models_to_get_as_json(qwen_chat: RunCommand, roomy: None) -> None:
    records = [json.loads(line) for line in qwen_chat("models", "--json", "--all").stdout.splitlines()]
    away = {record["checkpoint"]: record for record in records if not record["here"]}
    assert {record["checkpoint"] for record in records if record["here"]} >= {"smollm2-135m"}
    eight = away["qwen3-8b"]
    assert (eight["repository"], eight["file_bytes"]) == ("Qwen/Qwen3-8B-GGUF", 5_027_783_488)
    assert (eight["fits"], eight["file_bytes_exact"], eight["licence"]) == ("tight", True, "Apache-2.0")
    assert eight["forecast"]["written_per_second"] > 0
    assert not eight["forecast"]["measured"]
    assert not away["qwen3-32b:q8_0"]["file_bytes_exact"]
    assert all(json.loads(line)["here"] for line in qwen_chat("models", "--json").stdout.splitlines())


def test_a_model_in_the_cache_of_a_hub_is_not_offered(
    qwen_chat: RunCommand, hubs: Path, gguf: bytes, catalogue: Path
) -> None:
    place = snapshot(hubs / "hf" / "hub", "own/tiny", "abc")
    assert "\ntiny  " in qwen_chat("models").stdout
    (place / "tiny-q8_0.gguf").write_bytes(gguf)
    assert "\ntiny  " not in qwen_chat("models").stdout


@pytest.fixture
def catalogue(tmp_path: Path, gguf: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the catalogue have one model only."""
    return one_model.write_catalogue(tmp_path / "models.toml", gguf, monkeypatch)


def test_without_the_demo_model(
    qwen_chat: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = qwen_chat("models")
    assert done.returncode == 0
    assert (
        "SmolLM2-135M-Instruct is not here yet: qwen-chat without -c fetches it (98 MB, once)." in done.stdout
    )


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        ((100, 100), "yes"),
        ((400, 400), "tight"),
        ((700, 700), "no"),
        ((100, 400), "tight"),
        ((700, 1400), "no"),
    ],
)
def test_whether_it_fits(weights: tuple[int, int], fits: str) -> None:
    survey = Survey("GGUF F16", 100, 50, 100, weights, (1, 1))
    entry = LocalModel(StoredModel("a", Path("a")), survey)
    assert entry.context == 100
    assert entry.fits(MachineMemory(total=600, free=300)) == fits


def test_this_machine_has_memory() -> None:
    machine = read_machine_memory()
    assert 1 << 28 < machine.free <= machine.total


def test_no_engine_is_imported() -> None:
    from test_layers import loaded_by

    heavy = {"torch", "transformers", "xllamacpp", "numpy", "huggingface_hub", "modelscope_hub"}
    assert not heavy & loaded_by(f"from {inventory.__name__} import list_models; list(list_models())")
