"""Quantizes a checkpoint with GPTQ, calibrated on conversations (Frantar et al., 2022).

The conversations are encoded exactly as the engine encodes chats, since chats are what the model is for.
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
from qwen_chat.model.hf.gptqmodel_import import prepare_gptqmodel
from qwen_chat.model.hf.prompt import CheckpointPrompt
from qwen_chat.model.hf.quantization_config import choose_group_size

_WRITTEN_CONFIGS = ("config.json", "quantize_config.json")
"""Files that are written new, beside the weights; all others are copied from the original checkpoint."""

_COPIED_SUFFIXES = (".json", ".jinja", ".txt", ".tiktoken", ".model")
_LICENSE_PREFIXES = ("LICENSE", "NOTICE")

ProgressCallback = Callable[[int, int], None]
"""Called with the number of finished layers, and of all layers."""


@dataclass(frozen=True, slots=True)
class GptqSettings:
    """How to quantize a checkpoint, calibrated on `samples` conversations of at most `max_len` tokens.

    `group_size` weights share a scale; None takes the most that the layers' widths allow, up to 128.
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
    settings: GptqSettings,
    report: ProgressCallback,
) -> None:
    """Write the quantized checkpoint into the folder `out`, completely or not at all.

    Raises: ModelLoadError, ModelError.
    """
    if info.quantization is not None:
        raise ModelLoadError(f"{info.folder} is quantized already ({info.quantization}): name the original")
    size = choose_group_size(info.config, settings.group_size)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent, ignore_cleanup_errors=True) as work:
        made, offload = Path(work, "made"), Path(work, "offload")
        with _quantizing_errors(info):
            examples = _encode_examples(info, chats, settings)
            model = _open_model(info, settings, size, offload)
            _calibrate(model, examples, report)
            with redirect_stdout(StringIO()):
                model.save(str(made))
        _copy_companions(made, info.folder)
        _move_into_place(made, out)


def _encode_examples(
    info: CheckpointInfo, chats: Sequence[Sequence[Message]], settings: GptqSettings
) -> list[dict[str, list[int]]]:
    """Return token ids and masks of conversations that are taken evenly from all."""
    qwen1.register()
    tokenizer = AutoTokenizer.from_pretrained(info.folder, trust_remote_code=False, local_files_only=True)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelLoadError(f"{info.folder} has no fast tokenizer: add its tokenizer.json")
    prompt = CheckpointPrompt(tokenizer, first_generation=info.model_type == "qwen")
    count = min(settings.samples, len(chats))
    taken = [chats[number * len(chats) // count] for number in range(count)]
    every = [
        prompt.ids(strip_answer_prompt(prompt.segments(chat), chat))[: settings.max_len] for chat in taken
    ]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in every]


def strip_answer_prompt(segments: list[Segment], messages: Sequence[Message]) -> list[Segment]:
    """Return a prompt that ends with an answer, without the tokens that begin one more answer."""
    starts = [number for number, segment in enumerate(segments) if segment == Segment(IM_START, control=True)]
    return segments[: starts[-1]] if starts and messages[-1].role == "assistant" else segments


def _open_model(info: CheckpointInfo, settings: GptqSettings, size: int, offload: Path) -> Any:  # noqa: ANN401
    """Return the checkpoint as gptqmodel's model."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    prepare_gptqmodel()
    # By default it takes half the processors as workers, but needs two, so it fails on two processors.
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(max(2, ((os.cpu_count() or 1) + 1) // 2)))
    with redirect_stdout(StringIO()):
        from gptqmodel import GPTQModel, QuantizeConfig
        from gptqmodel.looper import loop_processor
        from gptqmodel.models.auto import MODEL_MAP
        from gptqmodel.models.definitions.qwen2 import Qwen2QModel

        # Our first-generation model has the modules of Qwen2.
        MODEL_MAP["qwen"] = Qwen2QModel
        # By default it leaves a folder of logs in the current folder.
        loop_processor._PROJECT_LOG_DIR = offload.with_name("logs")
        gpu = torch.cuda.is_available() and not settings.cpu_only
        config = QuantizeConfig(
            bits=settings.bits,
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
    """Copy the original's tokenizer, defaults and licenses beside the new weights."""
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
    """Remove facts about this machine, and names of code, from a config."""
    config = json.loads(path.read_bytes())
    config.pop("auto_map", None)
    section = config[key] if key else config
    section["meta"] = {
        name: section["meta"][name] for name in ("quantizer", "damp_percent", "true_sequential")
    }
    write_atomic(path, json.dumps(config, indent=2) + "\n")


def _move_into_place(made: Path, out: Path) -> None:
    out.mkdir(exist_ok=True)
    for old in out.glob("*.safetensors*"):
        old.unlink()
    for file in made.iterdir():
        file.replace(out / file.name)


@contextmanager
def _quantizing_errors(info: CheckpointInfo) -> Iterator[None]:
    """Turn whatever quantizing raises into one line."""
    try:
        yield
    except (ModelError, OSError):
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"quantizing {info.folder} ({info.model_type}) failed: {text[:300]}") from error
