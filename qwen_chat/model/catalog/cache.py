"""Where models lie: the caches of the hubs, and the folders that people keep them in; nothing is fetched."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.model.catalog.gguf_names import group, without_part
from qwen_chat.model.formats.supported import is_checkpoint

_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """A GGUF file or a checkpoint's folder, by the names that `-c` and `--hub` have for it."""

    checkpoint: str
    path: Path
    hub: str = "huggingface"

    @property
    def named(self) -> bool:
        """Whether `checkpoint` is a hub's name for it, rather than its path."""
        return self.checkpoint != str(self.path)


def in_huggingface_cache() -> Iterator[Stored]:
    """Yield what the cache of the Hugging Face hub has, as HF_HOME and HF_HUB_CACHE place it."""
    named = find_spec("huggingface_hub") is not None
    yield from _in_repositories(_huggingface_cache(), "huggingface", named=named)


def in_modelscope_cache() -> Iterator[Stored]:
    """Yield what ModelScope's cache has, as MODELSCOPE_CACHE places it, and as its older library did."""
    cache = Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
    named = find_spec("modelscope_hub") is not None
    yield from _in_repositories(cache / "models", "modelscope", named=named)
    for owner in (*_folders(cache / "models"), *_folders(cache / "hub" / "models")):
        if "--" not in owner.name:
            yield from in_folder(owner)


def in_folder(folder: Path) -> Iterator[Stored]:
    """Yield what lies in a folder and in those within it, or the model that is this file.

    Raises: UsageError when it is not there or cannot be read.
    """
    if folder.is_file():
        yield Stored(str(folder), folder)
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
        within = [] if len(here.parts) - top >= _DEPTH else sorted(below)
        below[:] = [name for name in within if not name.startswith(".") and name != "blobs"]
        for first in _firsts(names):
            yield Stored(str(here / first), here / first)
        if _has_weights(names):
            yield Stored(str(here), here)


def _huggingface_cache() -> Path:
    if chosen := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or f"{cache}/huggingface").expanduser() / "hub"


def _in_repositories(cache: Path, hub: str, *, named: bool) -> Iterator[Stored]:
    for folder in _folders(cache):
        repo = folder.name.removeprefix("models--").replace("--", "/", 1)
        if "/" not in repo:
            continue
        newest = _newest(folder)
        for snapshot in sorted(_folders(folder / "snapshots"), key=lambda each: each != newest):
            # Only the newest is what the name means; another library may have left older ones.
            yield from _in_snapshot(snapshot, repo if named and snapshot == newest else None, hub)


def _newest(folder: Path) -> Path:
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        revision = "master"
    return folder / "snapshots" / revision


def _in_snapshot(snapshot: Path, repo: str | None, hub: str) -> Iterator[Stored]:
    names = [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*") if not file.is_dir()]
    firsts = _firsts(names)
    for first in firsts:
        path = snapshot / first
        yield Stored(f"{repo}:{without_part(first)}" if repo else str(path), path, hub)
    if is_checkpoint(name for name in names if "/" not in name):
        name = f"{repo}:safetensors" if firsts else repo
        yield Stored(name if repo and name else str(snapshot), snapshot, hub)


def _firsts(names: Iterable[str]) -> list[str]:
    return [files[0] for files in group(names).values()]


def _has_weights(names: list[str]) -> bool:
    """Whether files of these names are a checkpoint; config.json alone is in many folders of other kinds."""
    others = [name for name in names if name != "config.json"]
    return is_checkpoint(others) and (
        "config.json" in names or any(name.endswith(".safetensors") for name in names)
    )


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(item for item in folder.iterdir() if item.is_dir())
    except OSError:
        return []
