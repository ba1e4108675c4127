"""Checkpoints are opened as asked, on what there is, and whatever is wrong is one line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf
from places import DATA
from torch_errors import out_of_memory

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message
from qwen_chat.model import qwen1
from qwen_chat.model.catalog.machine import available_bytes
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.processors import usable_cores
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    from qwen_chat.model.hf.engine import TransformersModel


CHAT = [Message("user", "Tell me a story.")]
GREEDY = SamplingParams(temperature=0, max_new_tokens=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"), hidden_size=64)


def opened(folder: Path, **options: Any) -> "TransformersModel":
    from qwen_chat.model.hf.engine import TransformersModel

    return TransformersModel(
        read_checkpoint(folder), "tiny", TransformersOptions(**{"dtype": "float32", "threads": 1, **options})
    )


def answer(folder: Path, **options: Any) -> tuple[str, str]:
    model = opened(folder, **options)
    text = "".join(delta.text for delta in model.stream(CHAT, GREEDY))
    model.close()
    return text, model.notice


# Where and how


def test_weights_may_lie_on_a_disk(folder: Path) -> None:
    text, notice = answer(folder, max_memory=("cpu=60kB",))
    assert "disk" in notice.split(", ")[0]
    assert text == answer(folder)[0]


def test_as_many_threads_compute_as_there_are_cores_unless_someone_chose(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        for chosen, variable, expected in ((3, None, 3), (None, "1", 3), (None, None, usable_cores())):
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
            if variable is not None:
                monkeypatch.setenv("OMP_NUM_THREADS", variable)  # torch read it when it was imported
            opened(folder, threads=chosen).close()
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_a_file_may_say_where_modules_go(folder: Path, tmp_path: Path) -> None:
    plan = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk"}
    plan |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    text, notice = answer(folder, device_map=str(tmp_path / "plan.json"))
    assert notice.startswith("cpu + disk")
    assert text == answer(folder)[0]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ('{"model": 0}', "puts model on 0: this machine has cpu and disk, no GPU"),
        ('{"": "gpu"}', "on 'gpu': this machine has cpu and disk"),
        ('["cpu"]', "it must be auto, balanced, sequential, cpu, or a JSON file like"),
        ("{", "cannot be read"),
        (None, "no such file"),
    ],
)
def test_an_impossible_plan(folder: Path, tmp_path: Path, plan: str | None, words: str) -> None:
    path = tmp_path / "plan.json"
    if plan is not None:
        path.write_text(plan)
    with pytest.raises(ModelLoadError) as fault:
        opened(folder, device_map=str(path))
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)


def test_seventy_two_billion_weights_are_placed_within_what_was_allowed() -> None:
    import torch
    from accelerate import infer_auto_device_map, init_empty_weights
    from accelerate.utils import compute_module_sizes
    from transformers import AutoModelForCausalLM

    from qwen_chat.model.hf.placement import parse_max_memory

    qwen1.register()
    layers: dict[str, Any] = {"num_hidden_layers": 80, "num_attention_heads": 64, "kv_channels": 128}
    sizes: dict[str, Any] = {"hidden_size": 8192, "intermediate_size": 49152, "vocab_size": 152064}
    from qwen_chat.model.qwen1.configuration import QWenConfig

    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(
            QWenConfig(seq_length=32768, **layers, **sizes), dtype=torch.bfloat16
        )
    assert 72e9 < sum(weight.numel() for weight in model.parameters()) < 73e9
    limits = parse_max_memory(("0=24GiB", "1=24GiB", "2=24GiB", "cpu=80GiB"))
    plan = infer_auto_device_map(
        model, max_memory=limits, no_split_module_classes=model._no_split_modules, dtype=torch.bfloat16
    )
    modules = compute_module_sizes(model, dtype=torch.bfloat16)
    used: dict[int | str, int] = {}
    for name, device in plan.items():
        used[device] = used.get(device, 0) + modules[name]
    assert {0, 1, 2, "cpu"} <= set(used)
    assert all(used[device] <= limit for device, limit in limits.items())
    assert sum(used.values()) == modules[""]
    assert len({f"model.layers.{number}" for number in range(80)} & set(plan)) == 80


@pytest.mark.parametrize("wanted", ["float32", "bfloat16", "float16"])
def test_the_number_type_asked_for(folder: Path, wanted: str) -> None:
    import torch

    model = opened(folder, dtype=wanted)
    assert wanted in model.notice
    assert model._open_engine().decoder.model.dtype == getattr(torch, wanted)
    model.close()


def test_the_number_type_that_is_fastest_here(folder: Path) -> None:
    import torch

    from qwen_chat.model.hf import dtype

    _, notice = answer(folder, dtype="auto")
    assert "times as fast as" in notice
    best, why = dtype.fastest_on_cpu(64, 128)
    assert best in (torch.float32, torch.bfloat16)
    assert why.startswith(str(best).removeprefix("torch."))


def test_flash_attention_is_replaced_aloud(folder: Path) -> None:
    text, notice = answer(folder, attn="flash_attention_2")
    assert notice.endswith("flash-attn needs a GPU and 16-bit numbers: sdpa is used in its place")
    assert text == answer(folder, attn="sdpa")[0] == answer(folder, attn="eager")[0]


def test_the_context_can_be_limited(folder: Path) -> None:
    for asked, got in ((100, 100), (0, 512)):
        model = opened(folder, ctx_size=asked)
        assert model.context_length == got
        model.close()
    with pytest.raises(ModelLoadError, match="--ctx-size 1000: this model was made for 512"):
        opened(folder, ctx_size=1000)


# No code of a checkpoint's


CANARY = "from pathlib import Path\nPath(__file__).with_name('canary').touch()\nclass X: pass\n"


def test_code_beside_a_checkpoint_is_never_run(tmp_path: Path, folder: Path) -> None:
    for source in (folder, DATA / "tiny-qwen1"):
        target = tmp_path / source.name
        shutil.copytree(source, target)
        config = json.loads((target / "config.json").read_text())
        names = {"AutoConfig": "canary_code.X", "AutoModelForCausalLM": "canary_code.X"}
        config["auto_map"] = names | {"AutoTokenizer": ["canary_code.X", "canary_code.X"]}
        (target / "config.json").write_text(json.dumps(config))
        (target / "canary_code.py").write_text(CANARY)
        if source == folder:
            assert answer(target)[0] == answer(folder)[0]
        else:
            _needs_its_ranks(target)
        assert not (target / "canary").exists()


def _needs_its_ranks(folder: Path) -> None:
    """The fixture of the first generation has no vocabulary; its weights load all the same."""
    from transformers import AutoModelForCausalLM

    with pytest.raises(ModelLoadError, match=r"qwen\.tiktoken"):
        read_checkpoint(folder)
    qwen1.register()
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False)
    assert type(model).__module__.startswith("qwen_chat.")


def test_a_model_that_is_code_only(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config |= {"model_type": "homemade", "auto_map": {"AutoConfig": "canary_code.X"}}
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    (tmp_path / "m" / "canary_code.py").write_text(CANARY)
    with pytest.raises(ModelLoadError, match=r"\(homemade\) needs its own code, which is never run here"):
        opened(tmp_path / "m")
    assert not (tmp_path / "m" / "canary").exists()


# Faults


def test_a_tokenizer_that_is_not_json(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "tokenizer.json").write_text("{")
    with pytest.raises(ModelLoadError) as fault:
        opened(tmp_path / "m")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        partial(out_of_memory, "CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_says_what_to_try(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | Callable[[], Exception]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error() if callable(error) else error

    monkeypatch.setattr("qwen_chat.model.hf.loading.AutoModelForCausalLM.from_pretrained", fails)
    with pytest.raises(
        ModelLoadError, match=r"out of memory: .* GiB are free; try --dtype bfloat16, --quantize"
    ):
        opened(folder)


@pytest.mark.parametrize(
    ("items", "limits"),
    [
        (("0=20GiB", "cpu=64GB"), {0: 20 * 2**30, "cpu": 64 * 10**9}),
        (("1=1.5gib",), {1: 3 * 2**29}),
        (("cpu=1000",), {"cpu": 1000}),
        ((), {}),
    ],
)
def test_limits_of_memory(items: tuple[str, ...], limits: dict[int | str, int]) -> None:
    from qwen_chat.model.hf.placement import parse_max_memory

    assert parse_max_memory(items) == limits


def test_limits_for_what_is_not_there(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"--max-memory 0=\.\.\.: this machine has no GPU; leave it out"):
        opened(folder, max_memory=("0=20GiB",))


@pytest.mark.parametrize("item", ["20GiB", "gpu=1GiB", "0=", "0=-1GiB", "0=1XB", "0=1GiB,", "cpu=nan"])
def test_limits_that_mean_nothing(item: str) -> None:
    from qwen_chat.model.hf.placement import parse_max_memory

    with pytest.raises(ModelLoadError, match="write DEVICE=SIZE, for example 0=20GiB or cpu=64GiB"):
        parse_max_memory((item,))


def test_there_is_some_memory() -> None:
    assert 2**20 < available_bytes() < 2**60


def test_a_draft_of_another_family(folder: Path, tmp_path: Path) -> None:
    from qwen_chat.model.hf.engine import TransformersModel

    other = read_checkpoint(tiny_hf.write_checkpoint(tmp_path, extra=("<other>",)))
    with pytest.raises(ModelLoadError, match="has another vocabulary"):
        TransformersModel(read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32"), draft=other)


def test_without_torch_the_extra_is_named(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import importlib.util; real = importlib.util.find_spec\n"
        "from qwen_chat.model import factory\n"
        "factory.find_spec = lambda name: None if name == 'torch' else real(name)\n"
        "from qwen_chat.cli import main\n"
        f"sys.exit(main(['-c', {str(folder)!r}, '-p', 'hi', '--no-history']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "qwen-chat: A safetensors checkpoint needs an extra: pip install 'qwen-chat-apps[transformers]'\n"
    )
