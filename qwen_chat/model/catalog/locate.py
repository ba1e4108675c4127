"""Resolves the value of `-c`: an embedded model, a file, a folder, a known name, or a model on a hub."""

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TextIO

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import embedded as embedded_models
from qwen_chat.model.catalog.download_progress import progress_on
from qwen_chat.model.catalog.embedded import EmbeddedModel
from qwen_chat.model.catalog.fetch_known import fetch_known
from qwen_chat.model.catalog.gguf_names import format_names, group_parts, strip_part_number
from qwen_chat.model.catalog.hubs import fetch_from_hub
from qwen_chat.model.catalog.known_models import Variant, find_known, suggest_names
from qwen_chat.model.formats.foreign_files import find_foreign
from qwen_chat.model.formats.gguf import part_paths
from qwen_chat.model.formats.supported import looks_like_checkpoint
from qwen_chat.settings import EMBEDDED_MODELS

_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+(?<!\.gguf)(:[\w./-]+)?", re.ASCII | re.IGNORECASE)
_START_BYTES = 64
_CHECKPOINT_SUFFIXES = (".safetensors", ".safetensors.index.json")


@dataclass(frozen=True, slots=True)
class ModelLocation:
    """A model on this machine: the first file of a GGUF, or the folder of a transformers checkpoint."""

    path: Path
    name: str
    engine: Literal["llamacpp", "transformers"] = "llamacpp"
    embedded: EmbeddedModel | None = None


def locate(
    checkpoint: str | None,
    progress: TextIO,
    *,
    hub: str = "huggingface",
    revision: str | None = None,
    embedded: str = EMBEDDED_MODELS[0],
    context: int | None = None,
) -> ModelLocation:
    """Return the model that `checkpoint` names, and fetch it first if need be.

    In a folder or repository with a GGUF beside safetensors, the GGUF is taken: it needs less memory and no
    extra packages. To get the safetensors, name one of them, or OWNER/NAME:safetensors.

    `hub` is "huggingface" or "modelscope"; `revision` is a branch, tag or commit there; `embedded` names the
    model for no name, in whose place a small one may be taken. `context` is the number of tokens that a known
    model must have memory for, by default that of a chat.

    Raises: ModelLoadError, MissingExtraError.
    """
    if checkpoint is None or checkpoint == "embedded":
        return _embedded_location(*embedded_models.ensure(embedded, progress))
    path = _expand_path(checkpoint)
    try:
        if path.is_dir():
            return _locate_in_folder(path)
        if path.exists():
            return _locate_file(path)
        if _HUB_ID.fullmatch(checkpoint):
            return _locate_on_hub(checkpoint, progress, hub, revision)
        if (model := embedded_models.MODELS.get(checkpoint)) is not None:
            return _embedded_location(model, embedded_models.fetch(model, progress))
        if (variant := find_known(checkpoint)) is not None:
            return locate_known(variant, progress, hub=hub, context=context)
    except OSError as error:
        raise ModelLoadError(f"cannot read {path}: {error.strerror or error}") from None
    raise _not_found(path)


def _embedded_location(model: EmbeddedModel, path: Path) -> ModelLocation:
    return ModelLocation(path, model.name, embedded=model)


def locate_known(
    variant: Variant, progress: TextIO, *, hub: str = "huggingface", context: int | None = None
) -> ModelLocation:
    """Return a model of the catalogue, and fetch it first if it is not on this machine.

    Raises: ModelLoadError when this machine cannot hold it, DownloadError.
    """
    if (model := embedded_models.MODELS.get(variant.name)) is not None:
        return _embedded_location(model, embedded_models.fetch(model, progress))
    path = fetch_known(variant, progress_on(progress), context=context, hub=hub)
    return ModelLocation(path, variant.name)


def _expand_path(checkpoint: str) -> Path:
    if not checkpoint.strip() or "\0" in checkpoint:
        raise ModelLoadError("-c is empty: name a .gguf file, a folder or owner/name on the hub")
    try:
        checkpoint.encode()
    except UnicodeEncodeError:
        raise ModelLoadError(
            f"the name {checkpoint} is not UTF-8, which the engine needs: rename it"
        ) from None
    path = Path(checkpoint)
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def _not_found(path: Path) -> ModelLoadError:
    close: list[str] = []
    with suppress(OSError):
        others = [item.name for item in path.parent.iterdir() if item.exists()]
        close = get_close_matches(path.name, others, n=1)
    if close:
        return ModelLoadError(f"no such file or folder: {path}; did you mean {path.with_name(close[0])}?")
    if path.name == str(path) and (names := suggest_names(path.name)):
        return ModelLoadError(f"no such file, folder or model: {path}; {_suggest(names)}")
    mend = "name a .gguf file, owner/name, or a model of `qwen-chat models`"
    return ModelLoadError(f"no such file or folder: {path}; {mend}")


def _suggest(names: list[str]) -> str:
    return f"did you mean {' or '.join(names)}?"


def _locate_file(path: Path) -> ModelLocation:
    if path.name == "config.json" or path.name.lower().endswith(_CHECKPOINT_SUFFIXES):
        return _checkpoint_location(path.parent)
    start = _read_start(path)
    if fault := find_foreign(path.name, start):
        raise ModelLoadError(f"{path} {fault}")
    # Some programs store models under their hash, without a suffix.
    if not path.is_file() or (path.suffix.lower() != ".gguf" and not start.startswith(b"GGUF")):
        raise ModelLoadError(f"{path} is not a GGUF file: name one, or a folder that has one")
    return _gguf_location(path)


def _read_start(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_START_BYTES)


def _gguf_location(path: Path) -> ModelLocation:
    first = part_paths(path)[0]
    name = strip_part_number(first.name)
    return ModelLocation(first, name[:-5] if name.lower().endswith(".gguf") else name)


def _checkpoint_location(folder: Path) -> ModelLocation:
    return ModelLocation(folder, folder.name or folder.resolve().name, "transformers")


def _locate_in_folder(folder: Path) -> ModelLocation:
    names = [item.name for item in folder.iterdir() if item.is_file()]
    models = group_parts(names)
    if len(models) == 1:
        return _gguf_location(folder / next(iter(models.values()))[0])
    if models:
        raise ModelLoadError(
            f"{folder} has several models: name one, -c {folder / 'FILE'}, of {format_names(models)}"
        )
    if looks_like_checkpoint(names):
        return _checkpoint_location(folder)
    raise ModelLoadError(
        f"no model in {folder}: it needs a .gguf file, or config.json and .safetensors files"
    )


def _locate_on_hub(checkpoint: str, progress: TextIO, where: str, revision: str | None) -> ModelLocation:
    found = fetch_from_hub(checkpoint, progress, where, revision)
    if found.is_file():
        return _gguf_location(found)
    repo = checkpoint.partition(":")[0]
    return ModelLocation(found, repo.rpartition("/")[2], "transformers")
