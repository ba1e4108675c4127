"""Fetches a model from a hub: chooses the files of its repository and keeps them in the hub's own cache."""

import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import gguf_names
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.formats.gguf import part_paths
from qwen_chat.model.formats.supported import check_file_names
from qwen_chat.text import format_size

# Python files and pickles can run code, so they are never fetched.
_FETCHED_SUFFIXES = (".safetensors", ".json", ".tiktoken", ".txt", ".model", ".jinja")
_TEMPLATES = "additional_chat_templates"
_SPARE_BYTES = 1 << 26


class Hub(Protocol):
    """One repository at one revision on a hub; `as_load_error` translates the errors of the other methods."""

    cache: Path
    """The folder for fetched files, which may not exist yet."""
    setting: str
    """The environment variable that sets `cache`."""

    def file_sizes(self) -> dict[str, int]:
        """Ask the hub for the size in bytes of each file, by name."""

    def missing_bytes(self, names: list[str]) -> int:
        """Return the total size of those files that are not in the cache; call `file_sizes` before."""

    def fetch(self, names: list[str]) -> Path:
        """Fetch the files that are not in the cache, and return the folder with all of them."""

    def snapshots(self) -> list[Path]:
        """Return the folders in the cache with files of this repository, the best match first."""

    def as_load_error(self, checkpoint: str, error: Exception) -> ModelLoadError:
        """Translate an error of the hub's library into one line."""


def fetch_from_hub(checkpoint: str, progress: TextIO, hub: str, revision: str | None) -> Path:
    """Fetch the model that `checkpoint` names, and return its first GGUF file or its checkpoint folder.

    From a repository with both, the GGUF is taken, unless `checkpoint` ends with ":safetensors". When the hub
    does not answer, a complete model in the cache is used.

    Raises: ModelLoadError, MissingExtraError.
    """
    repo, _, wanted = checkpoint.partition(":")
    client = _open_hub(hub, repo, revision)
    try:
        names = _choose_files(repo, client.file_sizes(), wanted)
        _check_disk_space(repo, client, names)
        with _redirect_progress_bars(progress):
            return _model_path(client.fetch(names), names)
    except ModelLoadError:
        raise
    except Exception as error:
        if not (cached := _find_cached(client, repo, wanted)):
            raise client.as_load_error(checkpoint, error) from error
        name = cached.name if cached.is_file() else repo
        progress.write(f"the hub does not give {checkpoint}: using {name} from the cache\n")
        return cached


def _open_hub(hub: str, repo: str, revision: str | None) -> Hub:
    if hub == "modelscope":
        from qwen_chat.model.catalog.modelscope import ModelScope

        return ModelScope(repo, revision)
    from qwen_chat.model.catalog.huggingface import HuggingFace

    return HuggingFace(repo, revision)


def _choose_files(repo: str, names: Iterable[str], wanted: str) -> list[str]:
    names = [name for name in names if _is_safe_name(name)]
    if _wants_safetensors(names, wanted):
        top = [name for name in names if "/" not in name]
        check_file_names(repo, top)
        return [name for name in names if _is_checkpoint_file(name, top)]
    return gguf_names.choose_model(repo, names, wanted)


def _is_safe_name(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _wants_safetensors(names: list[str], wanted: str) -> bool:
    if wanted:
        return wanted.lower().endswith("safetensors")
    return not gguf_names.group_parts(names)


def _is_checkpoint_file(name: str, top: list[str]) -> bool:
    if name.startswith("consolidated"):  # some publishers' own second copy of the weights
        return not any(other.startswith("model") and other.endswith(".safetensors") for other in top)
    folder, _, base = name.rpartition("/")
    return base.lower().endswith(_FETCHED_SUFFIXES) and folder in ("", _TEMPLATES)


def _check_disk_space(repo: str, client: Hub, names: list[str]) -> None:
    wanted = client.missing_bytes(names)
    place = next(folder for folder in (client.cache, *client.cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if wanted and wanted + _SPARE_BYTES > free:
        raise ModelLoadError(
            f"{repo} needs {format_size(wanted)} in {client.cache}, where {format_size(free)} are free: "
            f"make room there, or set {client.setting} to another folder"
        )


@contextmanager
def _redirect_progress_bars(progress: TextIO) -> Generator[None, None, None]:
    """Show the progress bars of the hubs' libraries on terminals only; the libraries draw them everywhere."""
    with redirect_stderr(progress if progress.isatty() else StringIO()):
        yield


def _model_path(folder: Path, names: list[str]) -> Path:
    return folder / names[0] if names[0].lower().endswith(".gguf") else folder


def _find_cached(client: Hub, repo: str, wanted: str) -> Path | None:
    """Return the model from the cache, if it is complete there."""
    for folder in client.snapshots():
        here = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
        with suppress(ModelLoadError):
            model = _model_path(folder, _choose_files(repo, here, wanted))
            _check_complete(model)
            return model
    return None


def _check_complete(model: Path) -> None:
    if model.is_dir():
        read_checkpoint(model)
    else:
        part_paths(model)
