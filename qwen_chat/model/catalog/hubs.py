"""A model on a hub: which files of its repository are wanted, fetched whole into the hub's own cache."""

import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, redirect_stderr, suppress
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import gguf_names
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.formats.gguf import parts
from qwen_chat.model.formats.supported import refuse
from qwen_chat.text import format_size

# Python files and pickles can run code: neither is ever fetched.
_FETCHED = (".safetensors", ".json", ".tiktoken", ".txt", ".model", ".jinja")
_TEMPLATES = "additional_chat_templates"
_KEPT_FREE = 1 << 26


class Hub(Protocol):
    """What is asked of a hub about one repository at one revision; its own errors go through `fault`."""

    cache: Path
    """The folder that fetched files are kept in, which may not exist yet."""
    setting: str
    """The environment variable that chooses `cache`."""

    def sizes(self) -> dict[str, int]:
        """Ask the hub for the size in bytes of each file, by its name."""

    def missing_bytes(self, names: list[str]) -> int:
        """Return the size of those files that are not in the cache; `sizes` was asked before."""

    def fetch(self, names: list[str]) -> Path:
        """Fetch these files where they are not in the cache, and return the folder that has them."""

    def snapshots(self) -> list[Path]:
        """Return the folders in the cache that hold files of this repository, the best first."""

    def fault(self, checkpoint: str, error: Exception) -> ModelLoadError:
        """Say in one line why the hub gave nothing."""


def fetch(checkpoint: str, progress: TextIO, hub: str, revision: str | None) -> Path:
    """Return the first GGUF file, or the folder of the transformers checkpoint, that `checkpoint` names.

    A repository with both gives the GGUF, unless `checkpoint` ends with ":safetensors". When the hub does not
    answer, what is whole in the cache is used.

    Raises: ModelLoadError, MissingExtraError.
    """
    repo, _, wanted = checkpoint.partition(":")
    client = _client(hub, repo, revision)
    try:
        names = _chosen(repo, client.sizes(), wanted)
        _check_room(repo, client, names)
        with _bars(progress):
            return _model(client.fetch(names), names)
    except ModelLoadError:
        raise
    except Exception as error:
        if not (cached := _in_cache(client, repo, wanted)):
            raise client.fault(checkpoint, error) from error
        name = cached.name if cached.is_file() else repo
        progress.write(f"the hub does not give {checkpoint}: using {name} from the cache\n")
        return cached


def _client(hub: str, repo: str, revision: str | None) -> Hub:
    if hub == "modelscope":
        from qwen_chat.model.catalog.modelscope import ModelScope

        return ModelScope(repo, revision)
    from qwen_chat.model.catalog.huggingface import HuggingFace

    return HuggingFace(repo, revision)


def _chosen(repo: str, names: Iterable[str], wanted: str) -> list[str]:
    names = [name for name in names if _is_inside(name)]
    if _wants_safetensors(names, wanted):
        top = [name for name in names if "/" not in name]
        refuse(repo, top)
        return [name for name in names if _is_part(name, top)]
    return gguf_names.choose(repo, names, wanted)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _wants_safetensors(names: list[str], wanted: str) -> bool:
    if wanted:
        return wanted.lower().endswith("safetensors")
    return not gguf_names.group(names)


def _is_part(name: str, top: list[str]) -> bool:
    if name.startswith("consolidated"):  # some publishers' own second copy of the weights
        return not any(other.startswith("model") and other.endswith(".safetensors") for other in top)
    folder, _, base = name.rpartition("/")
    return base.lower().endswith(_FETCHED) and folder in ("", _TEMPLATES)


def _check_room(repo: str, client: Hub, names: list[str]) -> None:
    wanted = client.missing_bytes(names)
    place = next(folder for folder in (client.cache, *client.cache.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if wanted and wanted + _KEPT_FREE > free:
        raise ModelLoadError(
            f"{repo} needs {format_size(wanted)} in {client.cache}, where {format_size(free)} are free: "
            f"make room there, or set {client.setting} to another folder"
        )


@contextmanager
def _bars(progress: TextIO) -> Generator[None, None, None]:
    """Show the libraries' progress bars on a terminal only; they draw them everywhere."""
    with redirect_stderr(progress if progress.isatty() else StringIO()):
        yield


def _model(folder: Path, names: list[str]) -> Path:
    return folder / names[0] if names[0].lower().endswith(".gguf") else folder


def _in_cache(client: Hub, repo: str, wanted: str) -> Path | None:
    """Return what is in the cache of the model, if it is whole."""
    for folder in client.snapshots():
        here = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
        with suppress(ModelLoadError):
            model = _model(folder, _chosen(repo, here, wanted))
            _check_whole(model)
            return model
    return None


def _check_whole(model: Path) -> None:
    if model.is_dir():
        read_checkpoint(model)
    else:
        parts(model)
