"""What a person means by `-c`: the demo model, a file, a folder, or a model on a hub."""

import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TextIO

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.catalog import embedded
from qwen_chat.model.catalog import hubs as hub
from qwen_chat.model.catalog.gguf_names import group, listed, without_part
from qwen_chat.model.formats.gguf import parts
from qwen_chat.model.formats.supported import is_checkpoint

_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+(?<!\.gguf)(:[\w./-]+)?", re.ASCII | re.IGNORECASE)
_PICKLED = (".bin", ".pt", ".pth", ".pkl")
_OF_A_CHECKPOINT = (".safetensors", ".safetensors.index.json")


@dataclass(frozen=True, slots=True)
class Located:
    """A model that is here: the first file of a GGUF, or the folder of a transformers checkpoint."""

    path: Path
    name: str
    engine: Literal["llamacpp", "transformers"] = "llamacpp"
    embedded: bool = False


def locate(
    checkpoint: str | None, progress: TextIO, *, hub: str = "huggingface", revision: str | None = None
) -> Located:
    """Return the model that `checkpoint` names, fetched first where need be.

    A folder or a repository with a GGUF beside safetensors means the GGUF: it needs less memory, and nothing
    more to be installed. The safetensors are meant by naming one of them, or OWNER/NAME:safetensors.

    `hub` is "huggingface" or "modelscope"; `revision` is a branch, tag or commit there.

    Raises: ModelLoadError, MissingExtraError.
    """
    if checkpoint is None or checkpoint == "embedded":
        return Located(embedded.ensure(progress), embedded.NAME, embedded=True)
    path = _expanded(checkpoint)
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.exists():
            return _in_file(path)
        if _HUB_ID.fullmatch(checkpoint):
            return _on_hub(checkpoint, progress, hub, revision)
    except OSError as error:
        raise ModelLoadError(f"cannot read {path}: {error.strerror or error}") from None
    raise _missing(path)


def _expanded(checkpoint: str) -> Path:
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


def _missing(path: Path) -> ModelLoadError:
    close: list[str] = []
    with suppress(OSError):
        others = [item.name for item in path.parent.iterdir() if item.exists()]
        close = get_close_matches(path.name, others, n=1)
    mend = f"did you mean {path.with_name(close[0])}?" if close else "name a .gguf file, or owner/name"
    return ModelLoadError(f"no such file or folder: {path}; {mend}")


def _in_file(path: Path) -> Located:
    suffix = path.suffix.lower()
    if suffix in _PICKLED:
        danger = "pickled weights can run code when they are loaded"
        raise ModelLoadError(f"{path} is refused, {danger}: convert it to GGUF or safetensors")
    if path.name == "config.json" or path.name.lower().endswith(_OF_A_CHECKPOINT):
        return _checkpoint(path.parent)
    if not path.is_file() or (suffix != ".gguf" and not _begins_as_gguf(path)):
        raise ModelLoadError(f"{path} is not a GGUF file: name one, or a folder that has one")
    return _gguf(path)


def _begins_as_gguf(path: Path) -> bool:
    # Some stores keep models under their hash, with no extension.
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def _gguf(path: Path) -> Located:
    first = parts(path)[0]
    name = without_part(first.name)
    return Located(first, name[:-5] if name.lower().endswith(".gguf") else name)


def _checkpoint(folder: Path) -> Located:
    return Located(folder, folder.name or folder.resolve().name, "transformers")


def _in_folder(folder: Path) -> Located:
    names = [item.name for item in folder.iterdir() if item.is_file()]
    models = group(names)
    if len(models) == 1:
        return _gguf(folder / next(iter(models.values()))[0])
    if models:
        raise ModelLoadError(
            f"{folder} has several models: name one, -c {folder / 'FILE'}, of {listed(models)}"
        )
    if is_checkpoint(names):
        return _checkpoint(folder)
    raise ModelLoadError(
        f"no model in {folder}: it needs a .gguf file, or config.json and .safetensors files"
    )


def _on_hub(checkpoint: str, progress: TextIO, where: str, revision: str | None) -> Located:
    found = hub.fetch(checkpoint, progress, where, revision)
    if found.is_file():
        return _gguf(found)
    repo = checkpoint.partition(":")[0]
    return Located(found, repo.rpartition("/")[2], "transformers")
