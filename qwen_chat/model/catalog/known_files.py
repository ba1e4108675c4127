"""Finds the files of the catalogue's models here: in the cache of this program, then in those of the hubs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from qwen_chat.errors import ModelLoadError, StoreError
from qwen_chat.files.paths import cache_dir
from qwen_chat.model.catalog.cache import scan_huggingface_cache, scan_modelscope_cache
from qwen_chat.model.catalog.embedded import MODELS, find
from qwen_chat.model.catalog.known_models import Variant, known_variants

BLOCK_BYTES = 512
"""The unit of `st_blocks`."""

_LOCK_SUFFIX = ".lock"


def models_dir() -> Path:
    """Return the folder that this program fetches models to; it need not exist."""
    return cache_dir() / "models"


def variant_dir(variant: Variant) -> Path:
    """Return the folder that the files of a model are fetched to; it need not exist."""
    if variant.name in MODELS:
        return models_dir()
    return models_dir() / f"{variant.model.name}-{variant.quantization.name}"


def own_files(variant: Variant) -> list[Path]:
    """Return the files of a model in its folder, with what belongs to unfinished ones."""
    names = tuple(file.name for file in variant.quantization.files)
    try:
        return [path for path in variant_dir(variant).iterdir() if path.name.startswith(names)]
    except OSError:
        return []


def find_fetched(variant: Variant) -> Path | None:
    """Return the first file of a model that this program fetched, if all of them are here."""
    with suppress(StoreError):
        return _find_whole(variant, variant_dir(variant))
    return None


def find_here(variant: Variant) -> Path | None:
    """Return the first file of a model, wherever on this machine it is whole."""
    if (model := MODELS.get(variant.name)) is not None:
        return find(model)
    return find_fetched(variant) or _find_in_hubs(variant)


def fetched_variants() -> Iterator[tuple[Variant, Path]]:
    """Yield the models of the catalogue that this program fetched, with the first file of each."""
    for variant in known_variants():
        if (path := find_fetched(variant)) is not None:
            yield variant, path


def fetched_size(variant: Variant) -> int:
    """Return how many bytes the files of a model take that this program fetched, whole or not.

    Raises: ModelLoadError when there are none.
    """
    return sum(map(_size_on_disk, _fetched_files(variant)))


def remove_fetched(variant: Variant) -> None:
    """Remove the files of a model that this program fetched, whole or not.

    Raises: ModelLoadError when there are none, or when they cannot be removed.
    """
    folder = variant_dir(variant)
    try:
        for file in _fetched_files(variant):
            file.unlink()
        if folder != models_dir():
            folder.rmdir()
    except OSError as error:
        fault = f"cannot remove {error.filename or folder} ({error.strerror})"
        raise ModelLoadError(f"{fault}: make it writable, then try again") from None


def _fetched_files(variant: Variant) -> list[Path]:
    files = own_files(variant)
    if all(file.suffix == _LOCK_SUFFIX for file in files):
        raise ModelLoadError(_not_fetched(variant))
    return files


def _find_whole(variant: Variant, folder: Path) -> Path | None:
    files = variant.quantization.files
    whole = all(_has_size(folder / file.name, file.bytes) for file in files)
    return folder / files[0].name if whole else None


def _has_size(path: Path, size: int | None) -> bool:
    try:
        return path.is_file() and size in (None, path.stat().st_size)
    except OSError:
        return False


def _find_in_hubs(variant: Variant) -> Path | None:
    repository = variant.quantization.repository.replace("/", "--")
    stored = (*scan_huggingface_cache(), *scan_modelscope_cache())
    paths = (each.path for each in stored if any(part.endswith(repository) for part in each.path.parts))
    folders = (path.parent for path in paths)
    return next((path for folder in folders if (path := _find_whole(variant, folder))), None)


def _size_on_disk(file: Path) -> int:
    """Return what a file takes: a partial one has holes, and a link to a hub's cache takes nothing."""
    return file.lstat().st_blocks * BLOCK_BYTES


def _not_fetched(variant: Variant) -> str:
    if (path := find_here(variant)) is not None:
        return f"{variant.name} was not fetched by qwen-chat: remove {path} yourself"
    return f"{variant.name} is not here: `qwen-chat models` lists what is"
