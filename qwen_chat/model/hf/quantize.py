"""Weights made smaller while they are loaded, and checkpoints that come small."""

import importlib.util
from typing import Any

import torch

from qwen_chat.errors import MissingExtraError
from qwen_chat.model.checkpoint import CheckpointInfo
from qwen_chat.model.hf.options import TransformersOptions


def quantization_config(info: CheckpointInfo, options: TransformersOptions) -> Any:  # noqa: ANN401
    """Return transformers' description of how to quantize, or None for weights as they are.

    Raises: MissingExtraError, ModelLoadError.
    """
    if info.quantization in ("gptq", "awq"):
        _need("gptqmodel", f"A {info.quantization.upper()} checkpoint", "gptq")
    if options.quantize is None:
        return None
    library, _, kind = options.quantize.partition("-")
    return _torchao(kind) if library == "torchao" else _bitsandbytes(kind)


def _need(package: str, feature: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(feature, extra)


def _torchao(kind: str) -> Any:  # noqa: ANN401
    _need("torchao", "--quantize torchao", "torchao")
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    return TorchAoConfig(Int8WeightOnlyConfig() if kind == "int8" else Int4WeightOnlyConfig())


def _bitsandbytes(kind: str) -> Any:  # noqa: ANN401
    _need("bitsandbytes", "--quantize bnb", "bnb")
    from transformers import BitsAndBytesConfig

    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=torch.bfloat16
    )
