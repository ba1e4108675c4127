"""Loads a checkpoint's model and tokenizer; every failure is one line."""

import importlib.util
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from logging import ERROR, getLogger
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from qwen_chat.errors import ModelLoadError, as_load_error, model_errors
from qwen_chat.model import qwen1
from qwen_chat.model.catalog.machine import available_bytes
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.formats.supported import describe_no_text_model
from qwen_chat.model.hf.dtype import fastest_on_cpu
from qwen_chat.model.hf.gptqmodel_import import redirect_gptqmodel_output
from qwen_chat.model.hf.long_context import apply_rope_scaling
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.hf.placement import describe_devices, placement_arguments, uses_gpu
from qwen_chat.model.hf.quantization_config import fastest_dtype, quantization_config
from qwen_chat.model.hf.torch_extensions import import_setuptools
from qwen_chat.model.hf.weight_check import check_weights
from qwen_chat.model.processors import usable_cores

_NEEDS_OTHER_CODE = ("trust_remote_code", "does not recognize this architecture")


@dataclass(frozen=True, slots=True)
class LoadedCheckpoint:
    """A model, its tokenizer, and a description of its devices and number types."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    description: str


def load_checkpoint(info: CheckpointInfo, options: TransformersOptions, stack: ExitStack) -> LoadedCheckpoint:
    """Load a checkpoint; `stack` gets what must be removed when the model is closed.

    Raises: ModelLoadError, MissingExtraError.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    getLogger("accelerate").setLevel(ERROR)
    qwen1.register()
    if options.threads or "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(options.threads or usable_cores())
    with _loading_errors(info), redirect_gptqmodel_output(info.quantization):
        config = AutoConfig.from_pretrained(info.folder, trust_remote_code=False, local_files_only=True)
        scaling = apply_rope_scaling(config, info, options.rope_scaling)
        tokenizer = AutoTokenizer.from_pretrained(info.folder, trust_remote_code=False, local_files_only=True)
        if options.compile:
            import_setuptools()
        dtype, why = _choose_dtype(config, options)
        attention, remark = _choose_attention(options, dtype)
        model = _load_weights(info, config, options, (dtype, attention), stack)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelLoadError(f"{info.folder} has no fast tokenizer: add its tokenizer.json")
    # The engine reads the checkpoint's defaults itself; transformers must not add its own.
    model.generation_config = GenerationConfig()
    parts = [describe_devices(model), why, attention, options.quantize or info.quantization, remark]
    parts.append(str(scaling or ""))
    return LoadedCheckpoint(model.eval(), tokenizer, ", ".join(filter(None, parts)))


def _load_weights(
    info: CheckpointInfo,
    config: PreTrainedConfig,
    options: TransformersOptions,
    chosen: tuple[torch.dtype, str],
    stack: ExitStack,
) -> PreTrainedModel:
    """Return the model with the chosen number type and attention, all weights in place."""
    dtype, attention = chosen
    opened: Any = AutoModelForCausalLM.from_pretrained(
        info.folder,
        config=config,
        dtype=dtype,
        attn_implementation=attention,
        quantization_config=quantization_config(info, options),
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
        key_mapping={f"^{re.escape(options.strip_prefix)}": ""} if options.strip_prefix else None,
        # Otherwise transformers invents what is missing, without a word.
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        **placement_arguments(options, stack),
    )
    model: PreTrainedModel = opened[0]
    check_weights(info.folder, opened[1], (name for name, _ in model.named_parameters()))
    return model


def _choose_dtype(config: PreTrainedConfig, options: TransformersOptions) -> tuple[torch.dtype, str]:
    """Return the number type to compute with, and the reason in words."""
    if options.dtype != "auto":
        return getattr(torch, options.dtype), options.dtype
    if (best := fastest_dtype(options)) is not None:
        return best, f"{str(best).removeprefix('torch.')}, the fastest for these weights"
    own = getattr(config, "dtype", None) or torch.float16
    if uses_gpu(options):
        fits = own != torch.bfloat16 or torch.cuda.is_bf16_supported()
        chosen = own if fits else torch.float16
        return chosen, str(chosen).removeprefix("torch.")
    text = config.get_text_config()
    return fastest_on_cpu(text.hidden_size, getattr(text, "intermediate_size", None) or 4 * text.hidden_size)


def _choose_attention(options: TransformersOptions, dtype: torch.dtype) -> tuple[str, str]:
    """Return the attention implementation, and a remark if it is not the requested one."""
    wanted = options.attn or "flash_attention_2"
    if wanted != "flash_attention_2":
        return wanted, ""
    able = uses_gpu(options) and dtype in (torch.float16, torch.bfloat16)
    if able and importlib.util.find_spec("flash_attn"):
        return wanted, ""
    if options.attn is None:
        return "sdpa", ""
    missing = "flash-attn is not installed (pip install 'qwen-chat-apps[flash-attn]')"
    reason = missing if able else "flash-attn needs a GPU and 16-bit numbers"
    return "sdpa", f"{reason}: sdpa is used in its place"


@contextmanager
def _loading_errors(info: CheckpointInfo) -> Iterator[None]:
    """Raise any error of the block as a ModelLoadError that names the checkpoint and the mend."""
    with model_errors(lambda error: _load_error(info, error)):
        yield


def _load_error(info: CheckpointInfo, error: BaseException) -> ModelLoadError:
    if any(text in str(error) for text in _NEEDS_OTHER_CODE):
        return ModelLoadError(
            f"{info.folder} ({info.model_type}) needs its own code, which is never run here, or a newer "
            "transformers: try pip install --upgrade transformers, or a GGUF of it"
        )
    if "Unrecognized configuration class" in str(error):
        return ModelLoadError(f"{info.folder} {describe_no_text_model(info.model_type, info.config)}")
    fault = f"transformers cannot open {info.folder} ({info.model_type})"
    return as_load_error(error, fault, out_of_memory=_describe_out_of_memory(info))


def _describe_out_of_memory(info: CheckpointInfo) -> str:
    size, free = info.weight_bytes / 2**30, available_bytes() / 2**30
    return (
        f"out of memory: {info.folder} has {size:.1f} GiB of weights, {free:.1f} GiB are free; try --dtype "
        "bfloat16, --quantize torchao-int4, --max-memory cpu=8GiB (the rest is read from disk), or a GGUF"
    )
