"""Lists the models in the hubs' caches and in other folders; nothing is fetched."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.model.catalog.gguf_names import group_parts, strip_part_number
from qwen_chat.model.formats.supported import looks_like_checkpoint

_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A GGUF file or a checkpoint's folder, and the values of `-c` and `--hub` that name it."""

    checkpoint: str
    path: Path
    hub: str = "huggingface"

    @property
    def has_hub_name(self) -> bool:
        """Whether `checkpoint` is a name on a hub rather than a path."""
        return self.checkpoint != str(self.path)


def scan_huggingface_cache() -> Iterator[StoredModel]:
    """Yield the models in the cache of the Hugging Face hub, which HF_HOME and HF_HUB_CACHE locate."""
    named = find_spec("huggingface_hub") is not None
    yield from _scan_repositories(_huggingface_cache_folder(), "huggingface", named=named)


def scan_modelscope_cache() -> Iterator[StoredModel]:
    """Yield the models in ModelScope's cache, which MODELSCOPE_CACHE locates, in its new and old layouts."""
    cache = Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
    named = find_spec("modelscope_hub") is not None
    yield from _scan_repositories(cache / "models", "modelscope", named=named)
    for owner in (*_subfolders(cache / "models"), *_subfolders(cache / "hub" / "models")):
        if "--" not in owner.name:
            yield from scan_folder(owner)


def scan_folder(folder: Path) -> Iterator[StoredModel]:
    """Yield the models in a folder and its subfolders, or the one model when `folder` is a file.

    Raises: UsageError when the folder is missing or cannot be read.
    """
    if folder.is_file():
        yield StoredModel(str(folder), folder)
        return
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise UsageError(
            f"cannot look into {folder} ({error.strerror or error}): name a folder with models"
        ) from None
    top = len(folder.parts)
    for place, below, names in os.walk(folder):
        here = Path(place)
        within = [] if len(here.parts) - top >= _MAX_DEPTH else sorted(below)
        below[:] = [name for name in within if not name.startswith(".") and name != "blobs"]
        for first in _first_parts(names):
            yield StoredModel(str(here / first), here / first)
        if _has_weights(names):
            yield StoredModel(str(here), here)


def _huggingface_cache_folder() -> Path:
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{cache}/huggingface").expanduser() / "hub"


def _scan_repositories(cache: Path, hub: str, *, named: bool) -> Iterator[StoredModel]:
    for folder in _subfolders(cache):
        repo = folder.name.removeprefix("models--").replace("--", "/", 1)
        if "/" not in repo:
            continue
        newest = _newest_snapshot(folder)
        for snapshot in sorted(_subfolders(folder / "snapshots"), key=lambda each: each != newest):
            # The name on the hub means only the newest snapshot; another library may have left older ones.
            yield from _scan_snapshot(snapshot, repo if named and snapshot == newest else None, hub)


def _newest_snapshot(folder: Path) -> Path:
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        revision = "master"
    return folder / "snapshots" / revision


def _scan_snapshot(snapshot: Path, repo: str | None, hub: str) -> Iterator[StoredModel]:
    names = [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*") if not file.is_dir()]
    firsts = _first_parts(names)
    for first in firsts:
        path = snapshot / first
        yield StoredModel(f"{repo}:{strip_part_number(first)}" if repo else str(path), path, hub)
    if looks_like_checkpoint(name for name in names if "/" not in name):
        name = f"{repo}:safetensors" if firsts else repo
        yield StoredModel(name if repo and name else str(snapshot), snapshot, hub)


def _first_parts(names: Iterable[str]) -> list[str]:
    return [files[0] for files in group_parts(names).values()]


def _has_weights(names: list[str]) -> bool:
    """Return whether these files are a checkpoint; config.json alone occurs in many other folders."""
    others = [name for name in names if name != "config.json"]
    return looks_like_checkpoint(others) and (
        "config.json" in names or any(name.endswith(".safetensors") for name in names)
    )


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(item for item in folder.iterdir() if item.is_dir())
    except OSError:
        return []
