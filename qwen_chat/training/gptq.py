"""A checkpoint -> a smaller one in GPTQ's format, calibrated on conversations (Frantar et al., 2022).

Calibrated on the very tokens that the engine would read, as chats are what the model is for.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from qwen_chat.errors import ModelError, ModelLoadError
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.message import Message
from qwen_chat.model import qwen1
from qwen_chat.model.chatml import IM_START, Segment
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.hf.library_logging import silence_gptqmodel
from qwen_chat.model.hf.prompt import CheckpointPrompt
from qwen_chat.model.hf.quantization_config import choose_group_size
from qwen_chat.model.hf.torch_extensions import import_setuptools

_WRITTEN_CONFIGS = ("config.json", "quantize_config.json")
"""What is written new, beside the weights; all else is the original checkpoint's."""

_COPIED_SUFFIXES = (".json", ".jinja", ".txt", ".tiktoken", ".model")
_LICENSE_PREFIXES = ("LICENSE", "NOTICE")

ProgressCallback = Callable[[int, int], None]
"""Is told how many layers are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class GptqSettings:
    """How a checkpoint is quantized; `samples` conversations are read, `max_len` tokens of each.

    `group_size` weights share a scale; None takes as many as the layers' widths allow, 128 at most.
    """

    bits: int
    group_size: int | None = None
    samples: int = 128
    max_len: int = 2048
    cpu_only: bool = False


def quantize(
    info: CheckpointInfo,
    chats: Sequence[Sequence[Message]],
    out: Path,
    recipe: GptqSettings,
    report: ProgressCallback,
) -> None:
    """Write the quantized checkpoint into the folder `out`, all of it or nothing.

    Raises: ModelLoadError, ModelError.
    """
    if info.quantization is not None:
        raise ModelLoadError(f"{info.folder} is quantized already ({info.quantization}): name the original")
    size = choose_group_size(info.config, recipe.group_size)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent, ignore_cleanup_errors=True) as work:
        made, offload = Path(work, "made"), Path(work, "offload")
        with _told(info):
            examples = _encode_examples(info, chats, recipe)
            model = _open_model(info, recipe, size, offload)
            _calibrate(model, examples, report)
            with redirect_stdout(StringIO()):
                model.save(str(made))
        _copy_companions(made, info.folder)
        _move_into_place(made, out)


def _encode_examples(
    info: CheckpointInfo, chats: Sequence[Sequence[Message]], recipe: GptqSettings
) -> list[dict[str, list[int]]]:
    """Return ids and masks, from conversations that lie evenly in the whole."""
    qwen1.register()
    tokenizer = AutoTokenizer.from_pretrained(info.folder, trust_remote_code=False, local_files_only=True)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelLoadError(f"{info.folder} has no fast tokenizer: add its tokenizer.json")
    prompt = CheckpointPrompt(tokenizer, first_generation=info.model_type == "qwen")
    count = min(recipe.samples, len(chats))
    taken = [chats[number * len(chats) // count] for number in range(count)]
    every = [prompt.ids(strip_answer_prompt(prompt.segments(chat), chat))[: recipe.max_len] for chat in taken]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in every]


def strip_answer_prompt(segments: list[Segment], messages: Sequence[Message]) -> list[Segment]:
    """Return a prompt without the words that ask for one more answer, where it ends with an answer."""
    starts = [number for number, segment in enumerate(segments) if segment == Segment(IM_START, control=True)]
    return segments[: starts[-1]] if starts and messages[-1].role == "assistant" else segments


def _open_model(info: CheckpointInfo, recipe: GptqSettings, size: int, offload: Path) -> Any:  # noqa: ANN401
    """Return gptqmodel's view of a checkpoint."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    import_setuptools()
    silence_gptqmodel()
    # It wants two workers and takes half the processors: on machines with two, that fails.
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(max(2, ((os.cpu_count() or 1) + 1) // 2)))
    with redirect_stdout(StringIO()):
        from gptqmodel import GPTQModel, QuantizeConfig
        from gptqmodel.looper import loop_processor
        from gptqmodel.models.auto import MODEL_MAP
        from gptqmodel.models.definitions.qwen2 import Qwen2QModel

        # Our model of the first generation has the modules of the second.
        MODEL_MAP["qwen"] = Qwen2QModel
        # It would leave a folder of logs where the command is run.
        loop_processor._PROJECT_LOG_DIR = offload.with_name("logs")
        gpu = torch.cuda.is_available() and not recipe.cpu_only
        config = QuantizeConfig(
            bits=recipe.bits,
            group_size=size,
            sym=True,
            desc_act=False,
            device="cuda" if gpu else "cpu",
            offload_to_disk_path=str(offload),
        )
        return GPTQModel.load(str(info.folder), config, trust_remote_code=False)


def _calibrate(model: Any, examples: list[dict[str, list[int]]], report: ProgressCallback) -> None:  # noqa: ANN401
    layers = model.model.config.get_text_config().num_hidden_layers

    def layer_complete(layer_idx: int, submodule_finalized: bool) -> None:
        if submodule_finalized:
            report(layer_idx + 1, layers)

    report(0, layers)
    model.layer_callback = layer_complete
    with redirect_stdout(StringIO()):
        model.quantize(examples, batch_size=1, calibration_data_min_length=0)


def _copy_companions(made: Path, original: Path) -> None:
    """Put the original's tokenizer, defaults and papers beside the new weights."""
    _clean_config(made / "config.json", "quantization_config")
    _clean_config(made / "quantize_config.json", None)
    for file in made.iterdir():
        if file.name not in _WRITTEN_CONFIGS and ".safetensors" not in file.name:
            file.unlink()
    for file in original.iterdir():
        kept = file.suffix in _COPIED_SUFFIXES or file.name.startswith(_LICENSE_PREFIXES)
        if (
            kept
            and file.is_file()
            and file.name not in _WRITTEN_CONFIGS
            and not file.name.endswith(".index.json")
        ):
            shutil.copyfile(file, made / file.name)


def _clean_config(path: Path, key: str | None) -> None:
    """Leave out what tells of this machine, and code that a config names."""
    config = json.loads(path.read_bytes())
    config.pop("auto_map", None)
    said = config[key] if key else config
    said["meta"] = {name: said["meta"][name] for name in ("quantizer", "damp_percent", "true_sequential")}
    write_atomic(path, json.dumps(config, indent=2) + "\n")


def _move_into_place(made: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    for old in out.glob("*.safetensors*"):
        old.unlink()
    for file in made.iterdir():
        file.replace(out / file.name)


@contextmanager
def _told(info: CheckpointInfo) -> Iterator[None]:
    """Turn whatever quantizing raises into one line."""
    try:
        yield
    except (ModelError, OSError):
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"quantizing {info.folder} ({info.model_type}) failed: {text[:300]}") from error
