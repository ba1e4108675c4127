"""Chooses how weights are quantized while they load, and prepares to load quantized checkpoints."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from qwen_chat.errors import MissingExtraError, ModelLoadError
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.hf.gptqmodel_import import prepare_gptqmodel
from qwen_chat.model.hf.library_logging import silence_libraries
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.hf.placement import uses_gpu
from qwen_chat.model.qwen1 import packed

_GROUP_SIZES = (128, 64, 32)
"""Numbers of weights that may share a scale, in order of growing size in memory."""

_WIDTHS = ("hidden_size", "intermediate_size", "moe_intermediate_size")


def quantization_config(info: CheckpointInfo, options: TransformersOptions) -> Any:  # noqa: ANN401
    """Return transformers' quantization config, or None to load the weights as they are.

    Raises: MissingExtraError, ModelLoadError.
    """
    if info.quantization in ("gptq", "awq"):
        _require_packages(("gptqmodel", "optimum"), f"A {info.quantization.upper()} checkpoint", "gptq")
        prepare_gptqmodel()
        packed.check_biases(info)
    if options.quantize is None:
        return None
    if info.quantization is not None:
        raise ModelLoadError(
            f"--quantize {options.quantize}: leave it out, this checkpoint is {info.quantization} already"
        )
    silence_libraries()
    library, _, kind = options.quantize.partition("-")
    if library == "bnb":
        return _bitsandbytes(kind)
    return _torchao_int8() if kind == "int8" else _torchao_int4(info.config, gpu=uses_gpu(options))


def fastest_dtype(options: TransformersOptions) -> torch.dtype | None:
    """Return the number type that is by far the fastest for the quantized weights, or None if any will do."""
    return torch.bfloat16 if options.quantize == "torchao-int4" else None


def _require_packages(packages: tuple[str, ...], feature: str, extra: str) -> None:
    """Check that optional packages are installed.

    Raises: MissingExtraError.
    """
    if not all(map(importlib.util.find_spec, packages)):
        raise MissingExtraError(feature, extra)


def choose_group_size(config: Mapping[str, Any], wanted: int | None = None) -> int:
    """Return how many weights share a scale: `wanted`, or the largest number that divides the layers' widths.

    Raises: ModelLoadError when `wanted`, or every number, does not divide them.
    """
    widths = _layer_widths(config)
    fitting = [size for size in _GROUP_SIZES if not any(width % size for width in widths)]
    if wanted is None and fitting:
        return fitting[0]
    if wanted is not None and not any(width % wanted for width in widths):
        return wanted
    groups = f"groups of {wanted}" if wanted else f"groups of {_GROUP_SIZES[-1]} or more"
    mend = f"take {fitting[0]}" if fitting else "try 8 bits, or a larger model"
    raise ModelLoadError(f"{groups} do not fit layers of {' and '.join(map(str, widths))} inputs: {mend}")


def _layer_widths(config: Mapping[str, Any]) -> list[int]:
    config = config.get("text_config") or config
    found = {name: config[name] for name in _WIDTHS if isinstance(config.get(name), int)}
    if config.get("model_type") == "qwen" and "intermediate_size" in found:
        found["intermediate_size"] //= 2
    return list(found.values())


def _torchao_int8() -> Any:  # noqa: ANN401
    _require_packages(("torchao",), "--quantize torchao-int8", "torchao")
    from torchao.quantization import Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    return TorchAoConfig(Int8WeightOnlyConfig())


def _torchao_int4(config: Mapping[str, Any], *, gpu: bool) -> Any:  # noqa: ANN401
    _require_packages(("torchao",), "--quantize torchao-int4", "torchao")
    from transformers import TorchAoConfig

    # Each device has its own layout: torchao's default layout needs a library that is hard to install.
    group = choose_group_size(config)
    if not gpu:
        from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

        return TorchAoConfig(PrototypeInt4WeightOnlyConfig(group_size=group))
    from torchao.quantization import Int4WeightOnlyConfig

    layout = {"int4_packing_format": "tile_packed_to_4d", "int4_choose_qparams_algorithm": "hqq"}
    return TorchAoConfig(Int4WeightOnlyConfig(group_size=group, **layout))


def _bitsandbytes(kind: str) -> Any:  # noqa: ANN401
    _require_packages(("bitsandbytes",), f"--quantize bnb-{kind}", "bnb")
    from transformers import BitsAndBytesConfig

    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_compute_dtype=torch.bfloat16
    )
