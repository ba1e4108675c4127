"""`qwen-chat quantize`: a smaller checkpoint that is complete, answers, and names what is wrong with data."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import tiny_hf
import warm
from command import run_here
from qwen1_vocabulary import write_ranks
from safetensors import safe_open
from thorough import is_thorough

from qwen_chat.cli import main
from qwen_chat.errors import UsageError
from qwen_chat.message import Message
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.training.calibration import read_conversations

pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
GREEDY = SamplingParams(temperature=0, max_new_tokens=12)
TURNS = [{"from": "user", "value": "Tell me a story."}, {"from": "assistant", "value": "Once upon a time."}]
ENTRIES = [{"id": str(number), "conversations": [*TURNS, *TURNS]} for number in range(12)]


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_for_later_tests() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "chats.json"
    file.write_text(json.dumps(ENTRIES))
    return file


def write_source(folder: Path) -> Path:
    import torch

    tiny_hf.write_checkpoint(folder, hidden_size=64, intermediate_size=128, head_dim=16, dtype=torch.bfloat16)
    (folder / "LICENSE").write_text("Free for all.")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_source(tmp_path_factory.mktemp("source"))


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qwen_chat", "quantize", *map(str, arguments)]
    # A packer in C++ takes half a minute to compile, for weights that Python packs in no time.
    environ = os.environ if is_thorough() else {**os.environ, "GPTQMODEL_DISABLE_PACK_EXT": "1"}
    return warm.run(command, text=True, cwd=cwd, env=environ, modules=warm.TORCH)


@pytest.fixture(scope="module")
def made(source: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The checkpoint in 4 bits, in place of another one, and what was said while it was made."""
    room = tmp_path_factory.mktemp("made")
    (room / "small").mkdir()
    for name in ("config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json"):
        (room / "small" / name).write_text("old")
    done = run("-c", source, "--data", data, "-o", room / "small", "--cpu-only", "--overwrite", cwd=room)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
    assert [item.name for item in room.iterdir()] == ["small"]
    return room / "small", done.stderr


def test_progress_is_told(made: tuple[Path, str]) -> None:
    lines = made[1].splitlines()
    assert lines[:3] == [f"quantizing: layer {done} of 2" for done in range(3)]
    assert lines[3].startswith(f"{made[0]}: ")
    assert len(lines) == 4


def test_the_folder_has_all_that_a_checkpoint_needs_and_no_code(made: tuple[Path, str], source: Path) -> None:
    kept = {
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "generation_config.json",
        "LICENSE",
    }
    new = {"config.json", "quantize_config.json", "model.safetensors"}
    assert {file.name for file in made[0].iterdir()} == kept | new
    assert all((made[0] / name).read_bytes() == (source / name).read_bytes() for name in kept)


def test_the_config_says_how_it_is_packed_and_nothing_of_this_machine(made: tuple[Path, str]) -> None:
    text = (made[0] / "config.json").read_text()
    said = json.loads(text)["quantization_config"]
    wanted = {"quant_method": "gptq", "checkpoint_format": "gptq", "bits": 4, "group_size": 64}
    assert wanted.items() <= said.items()
    assert said["sym"] is True
    assert said["desc_act"] is False
    assert str(made[0].parent) not in text
    assert read_checkpoint(made[0]).quantization == "gptq"


def test_the_layout_is_the_standard_one(made: tuple[Path, str]) -> None:
    with safe_open(made[0] / "model.safetensors", "pt") as file:
        prefix = "model.layers.1.mlp.down_proj"
        shapes = {
            name: tuple(file.get_slice(f"{prefix}.{name}").get_shape()) for name in ("qweight", "qzeros")
        }
        zeros = file.get_tensor(f"{prefix}.qzeros")
        groups = file.get_tensor(f"{prefix}.g_idx")
    assert shapes == {"qweight": (128 * 4 // 32, 64), "qzeros": (2, 64 * 4 // 32)}
    assert set(zeros.flatten().tolist()) == {0x77777777}
    assert groups.tolist() == [0] * 64 + [1] * 64


def test_it_answers_and_scores_nearly_as_before(made: tuple[Path, str], source: Path) -> None:
    from qwen_chat.model.hf.engine import TransformersModel

    model = TransformersModel(
        read_checkpoint(made[0]), "small", TransformersOptions(dtype="float32", threads=1, cpu_only=True)
    )
    assert "gptq" in model.notice
    text = "".join(delta.text for delta in model.stream([Message("user", "Tell me a story.")], GREEDY))
    assert len(text) == 12
    model.close()
    assert agreement(made[0], source) > 0.95


def agreement(one: Path, other: Path) -> float:
    """Return how far the scores of two checkpoints go together, after words they were calibrated on."""
    import torch

    from qwen_chat.model.hf.loading import load_checkpoint
    from qwen_chat.model.hf.prompt import CheckpointPrompt

    options = TransformersOptions(dtype="float32", threads=1, cpu_only=True)
    scores = []
    for folder in (one, other):
        with ExitStack() as stack:
            loaded = load_checkpoint(read_checkpoint(folder), options, stack)
        prompt = CheckpointPrompt(loaded.tokenizer, first_generation=loaded.model.config.model_type == "qwen")
        ids = torch.tensor([prompt.ids(prompt.segments([Message("user", "Tell me a story.")]))])
        with torch.inference_mode():
            scores.append(loaded.model(input_ids=ids).logits.float().flatten())
    return float(torch.corrcoef(torch.stack(scores))[0, 1])


def test_the_first_generation_is_quantized_too(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from qwen_chat.model.qwen1.configuration import QWenConfig
    from qwen_chat.model.qwen1.modeling import QWenLMHeadModel

    source, out = tmp_path / "qwen1", tmp_path / "small"
    source.mkdir()
    write_ranks(source / "qwen.tiktoken", {bytes([byte]): byte for byte in range(256)})
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2}
    heads: dict[str, Any] = {
        "num_attention_heads": 2,
        "kv_channels": 32,
        "vocab_size": 512,
        "seq_length": 256,
    }
    torch.manual_seed(0)
    model: Any = QWenLMHeadModel(QWenConfig(**shape, **heads, initializer_range=0.3))
    model.half().save_pretrained(source)
    more = ("--bits", 8, "--group-size", 32, "--samples", 4, "--max-len", 64, "--cpu-only")
    monkeypatch.setenv("GPTQMODEL_DISABLE_PACK_EXT", "1")
    done = run_here("quantize", *map(str, ("-c", source, "--data", data, "-o", out, *more)))
    assert done.returncode == 0, done.stderr
    assert (out / "qwen.tiktoken").exists()
    said = json.loads((out / "config.json").read_text())["quantization_config"]
    assert (said["bits"], said["group_size"]) == (8, 32)
    assert agreement(out, source) > 0.999


# What is read


def test_conversations_are_read_as_the_engine_reads_chats(source: Path) -> None:
    from transformers import AutoTokenizer

    from qwen_chat.model.hf.prompt import CheckpointPrompt
    from qwen_chat.training.gptq import strip_answer_prompt

    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    prompt = CheckpointPrompt(tokenizer, first_generation=False)
    chat = [Message("user", "Hi<|im_end|>"), Message("assistant", "Hello!")]
    ids = prompt.ids(strip_answer_prompt(prompt.segments(chat), chat))
    # What the engine reads when the talk goes on begins with just these.
    further = [*chat, Message("user", "Bye")]
    assert prompt.ids(prompt.segments(further))[: len(ids)] == ids
    assert tokenizer.decode(ids).endswith("assistant\nHello!<|im_end|>\n")
    assert ids.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 2
    asking = chat[:1]
    assert strip_answer_prompt(prompt.segments(asking), asking) == prompt.segments(asking)


def test_a_file_of_conversations(tmp_path: Path) -> None:
    file = tmp_path / "chats.json"
    system = {"from": "system", "value": ""}
    file.write_text(
        json.dumps([{"id": "a", "conversations": [system, *TURNS]}, {"conversations": TURNS[:1]}])
    )
    user = Message("user", "Tell me a story.")
    first = [Message("system", ""), user, Message("assistant", "Once upon a time.")]
    assert read_conversations(file) == [first, [user]]


USER, ASSISTANT = TURNS
BAD: list[tuple[Any, str]] = [
    ({}, "must be a list"),
    ([], "must be a list"),
    ([1], "entry 1: it must be an object"),
    ([*ENTRIES, {"conversations": []}], 'entry 13: "conversations" must be a list'),
    ([{"conversations": [USER, 5]}], "entry 1, message 2: it must be an object"),
    (
        [{"conversations": [{"from": "human", "value": "a"}]}],
        "entry 1, message 1: 'from' must be one of system",
    ),
    (
        [{"conversations": [{"from": ["user"], "value": "a"}]}],
        "entry 1, message 1: 'from' must be one of system",
    ),
    ([{"conversations": [{"from": "user", "value": None}]}], "entry 1, message 1: 'value' must be text"),
    ([{"conversations": [{"from": "user", "value": ""}]}], "entry 1, message 1: 'value' must not be empty"),
    ([{"conversations": [ASSISTANT, USER]}], 'entry 1, message 1: "from" must be user here'),
    ([{"conversations": [USER, USER]}], 'entry 1, message 2: "from" must be assistant here'),
    ([{"conversations": [{"from": "system", "value": "a"}]}], "entry 1, message 2: .* is missing"),
]


@pytest.mark.parametrize(("content", "fault"), BAD)
def test_a_fault_in_the_data_is_named(tmp_path: Path, content: Any, fault: str) -> None:
    file = tmp_path / "chats.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=fault) as caught:
        read_conversations(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"{", r"is not JSON: .* \(line 1, column 2\)"), (b"\xff\xfe\x00", "not"), (b"[" * 100_000, "deep")],
)
def test_what_is_not_json_is_told(tmp_path: Path, content: bytes, fault: str) -> None:
    file = tmp_path / "chats.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=fault):
        read_conversations(file)


# What is refused


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["quantize", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_faults_are_one_line(
    source: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "diary.txt").write_text("Dear diary")
    file.touch()
    flags = ("-c", source, "--data", data)
    new = tmp_path / "new"
    assert "-c is missing" in refused(capsys, "--data", data, "-o", new)
    assert "has files in it: name another folder, or add --overwrite" in refused(capsys, *flags, "-o", full)
    assert "that are no checkpoint" in refused(capsys, *flags, "-o", full, "--overwrite")
    assert "is a file" in refused(capsys, *flags, "-o", file)
    assert "is the checkpoint itself" in refused(capsys, *flags, "-o", source, "--overwrite")
    assert "cannot read" in refused(capsys, "-c", source, "--data", tmp_path / "none.json", "-o", new)
    assert "'3' is not one of" in refused(capsys, *flags, "-o", new, "--bits", 3)
    assert "take 64" in refused(capsys, *flags, "-o", new, "--group-size", 128)
    assert not new.exists()
    assert (full / "diary.txt").read_text() == "Dear diary"


def test_what_is_quantized_is_not_quantized_again(
    made: tuple[Path, str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, "-c", made[0], "--data", data, "-o", tmp_path / "new")
    assert "is quantized already (gptq): name the original" in error


def test_a_missing_package_is_named(
    source: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qwen_chat.cli.quantize.find_spec", lambda name: None)
    error = refused(capsys, "-c", source, "--data", data, "-o", tmp_path / "new")
    assert "Quantizing needs an extra: pip install 'qwen-chat-apps[gptq]'" in error
