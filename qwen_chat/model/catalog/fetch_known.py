"""Fetches a model of the catalogue by its name, where this machine can hold it."""

import shutil
from itertools import takewhile
from pathlib import Path

from qwen_chat.errors import ModelLoadError, StoreError
from qwen_chat.files.paths import private_dir
from qwen_chat.model.catalog.download import RemoteFile, download
from qwen_chat.model.catalog.download_progress import Progress
from qwen_chat.model.catalog.embedded import MODELS
from qwen_chat.model.catalog.hub_addresses import huggingface_file, modelscope_file
from qwen_chat.model.catalog.known_files import BLOCK_BYTES, find_here, own_files, variant_dir
from qwen_chat.model.catalog.known_models import ModelFile, Variant, known_models
from qwen_chat.model.catalog.machine import MachineMemory, may_have_gpu, read_machine_memory
from qwen_chat.text import format_size

_SPARE_BYTES = 1 << 26
_SMALL_CONTEXTS = (8192, 4096, 2048, 1024)
_HUBS = {"huggingface": huggingface_file, "modelscope": modelscope_file}


def fetch_known(variant: Variant, progress: Progress, *, context: int | None = None, hub: str = "") -> Path:
    """Return the first file of a model, wherever it is on this machine; fetch all its files first if need be.

    `context` is the number of tokens that it must hold, by default that of a chat; `hub` is asked first.

    Raises: ModelLoadError when memory or disk cannot hold it, DownloadError.
    """
    if (here := find_here(variant)) is not None:
        return here
    check_memory(variant, context or variant.context, read_machine_memory())
    folder = _make_folder(variant)
    _check_disk(variant, folder)
    progress.say(describe_variant(variant))
    paths = [download(file, folder, progress) for file in _remote_files(variant, hub)]
    return paths[0]


def describe_variant(variant: Variant) -> str:
    """Return the model, its publisher and its licence in one line."""
    model = variant.model
    name = f"{model.title} ({variant.quantization.name})"
    return f"{name}, published by {model.publisher}, licence {model.licence}: {model.purpose}"


def check_memory(variant: Variant, context: int, machine: MachineMemory) -> None:
    """Check that the whole memory of a machine can hold the weights and so many tokens of context.

    A GPU may hold what the memory cannot, so nothing is refused where there is one.

    Raises: ModelLoadError.
    """
    needed = variant.memory(context)
    if needed <= machine.total or may_have_gpu():
        return
    fault = (
        f"{variant.name} needs {format_size(needed)} of memory, this machine has {format_size(machine.total)}"
    )
    mends = [*_smaller_context(variant, context, machine), *_smaller_model(variant, machine)]
    raise ModelLoadError(f"{fault}: {', or '.join(mends) or 'name a smaller model'}")


def _smaller_context(variant: Variant, context: int, machine: MachineMemory) -> list[str]:
    fitting = (each for each in _SMALL_CONTEXTS if each < context and variant.memory(each) <= machine.total)
    found = next(fitting, None)
    return [f"take --ctx-size {found}"] if found else []


def _smaller_model(variant: Variant, machine: MachineMemory) -> list[str]:
    """Return the largest model that fits, of those whose names are most like this one."""
    others = (model.default for model in known_models())
    fitting = [each for each in others if each.memory(each.context) <= machine.total]
    best = max(fitting, key=lambda each: (_likeness(each, variant), each.size), default=None)
    return [f"take {best.name}"] if best is not None else []


def _likeness(one: Variant, other: Variant) -> int:
    family = f"{other.model.name.rpartition('-')[0]}-"
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one.model.name, family, strict=False))
    )


def _make_folder(variant: Variant) -> Path:
    try:
        return private_dir(variant_dir(variant))
    except StoreError as error:
        raise ModelLoadError(f"{str(error).partition(';')[0]}; make it, or set XDG_CACHE_HOME") from None


def _check_disk(variant: Variant, folder: Path) -> None:
    missing = variant.size - _arrived_bytes(variant)
    free = shutil.disk_usage(folder).free
    if free < missing + _SPARE_BYTES:
        needs = f"{variant.name} needs {format_size(missing)} in {folder}, where {format_size(free)} are free"
        raise ModelLoadError(f"{needs}: make room there, or take a smaller model")


def _arrived_bytes(variant: Variant) -> int:
    """Return how much an earlier start left; its files have their full size, with holes."""
    return sum(file.stat().st_blocks * BLOCK_BYTES for file in own_files(variant))


def _remote_files(variant: Variant, hub: str) -> list[RemoteFile]:
    if (model := MODELS.get(variant.name)) is not None:
        return [model.file]
    files = variant.quantization.files
    titles = [
        f", part {number} of {len(files)}" if len(files) > 1 else "" for number in range(1, len(files) + 1)
    ]
    return [
        _remote_file(variant, file, f"{variant.name}{title}", hub)
        for file, title in zip(files, titles, strict=True)
    ]


def _remote_file(variant: Variant, file: ModelFile, title: str, hub: str) -> RemoteFile:
    hubs = sorted(variant.model.hubs, key=lambda each: each != hub)
    sources = tuple(_HUBS[each](variant.quantization.repository, file.name) for each in hubs)
    return RemoteFile(file.name, file.bytes or 0, file.sha256, sources, title)
