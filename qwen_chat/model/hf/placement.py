"""Places weights on devices: one, several, or as many as they need."""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PreTrainedModel

from qwen_chat.errors import ModelLoadError
from qwen_chat.files.bounded_read import read_bounded
from qwen_chat.files.json import parse_json
from qwen_chat.model.hf.options import TransformersOptions

_STRATEGIES = ("auto", "balanced", "sequential")
_MAX_BYTES = 16 * 2**20

_UNITS = {"": 1, **{f"{prefix}B": 1000**n for n, prefix in enumerate("KMGT", 1)}}
_UNITS |= {f"{prefix}IB": 1024**n for n, prefix in enumerate("KMGT", 1)}
_ITEM = re.compile(r"(?P<device>\d+|cpu|disk|mps)=(?P<number>\d+(\.\d+)?) ?(?P<unit>[KMGT]?I?B?)", re.I)


def uses_gpu(options: TransformersOptions) -> bool:
    """Return whether the model computes on a GPU."""
    return torch.cuda.is_available() and not options.cpu_only and options.device_map != "cpu"


def placement_arguments(options: TransformersOptions, stack: ExitStack) -> dict[str, Any]:
    """Return from_pretrained's arguments for placement; `stack` gets the folder for offloaded weights."""
    memory = parse_max_memory(options.max_memory)
    _check_limits(memory)
    if options.cpu_only or options.device_map == "cpu":
        return {"device_map": "cpu"}
    if options.device_map in _STRATEGIES:
        if not torch.cuda.is_available() and not memory:
            return {"device_map": "mps" if torch.backends.mps.is_available() else "cpu"}
        placed = options.device_map
    else:
        placed = _read_device_map(Path(options.device_map).expanduser())
    offload = stack.enter_context(TemporaryDirectory(prefix="qwen-chat-", ignore_cleanup_errors=True))
    return {"device_map": placed, "max_memory": memory or None, "offload_folder": offload}


def parse_max_memory(items: Sequence[str]) -> dict[int | str, int]:
    """Parse items like 0=20GiB and cpu=64GiB into bytes by device.

    Raises: ModelLoadError.
    """
    limits: dict[int | str, int] = {}
    for item in items:
        match = _ITEM.fullmatch(item)
        unit = match["unit"].upper() if match else "?"
        if match is None or unit not in _UNITS:
            raise ModelLoadError(f"--max-memory {item}: write DEVICE=SIZE, for example 0=20GiB or cpu=64GiB")
        device = int(match["device"]) if match["device"].isdecimal() else match["device"].lower()
        limits[device] = int(float(match["number"]) * _UNITS[unit])
    return limits


def _check_limits(memory: Mapping[int | str, int]) -> None:
    gpus = torch.cuda.device_count()
    for device in memory:
        if isinstance(device, int) and device >= gpus:
            there = f"GPUs 0 to {gpus - 1}" if gpus else "no GPU"
            raise ModelLoadError(f"--max-memory {device}=...: this machine has {there}; leave it out")


def _read_device_map(path: Path) -> Any:  # noqa: ANN401
    """Read a map of modules to devices, in the form that accelerate prints."""
    wanted = 'it must be auto, balanced, sequential, cpu, or a JSON file like {"model": 0, "lm_head": "cpu"}'
    try:
        placed = parse_json(read_bounded(path, _MAX_BYTES))
    except FileNotFoundError:
        raise ModelLoadError(f"--device-map {path}: no such file; {wanted}") from None
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"--device-map {path} cannot be read ({error}); {wanted}") from None
    if not isinstance(placed, dict) or not placed:
        raise ModelLoadError(f"--device-map {path}: {wanted}")
    for module, device in placed.items():
        _check_device(path, module, device)
    return placed


def _check_device(path: Path, module: str, device: object) -> None:
    gpus = torch.cuda.device_count()
    if device in ("cpu", "disk") or (
        isinstance(device, int) and not isinstance(device, bool) and 0 <= device < gpus
    ):
        return
    there = f"cpu, disk and GPUs 0 to {gpus - 1}" if gpus else "cpu and disk, no GPU"
    raise ModelLoadError(f"--device-map {path} puts {module} on {device!r}: this machine has {there}")


def describe_devices(model: PreTrainedModel) -> str:
    """Return the names of the devices that hold the weights."""
    placed: Mapping[str, Any] = getattr(model, "hf_device_map", None) or {"": model.device}
    names = {str(device).replace("cuda:", "GPU ") for device in placed.values()}
    return " + ".join(sorted(f"GPU {name}" if name.isdecimal() else name for name in names))
