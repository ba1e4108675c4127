"""What a person means by `-c`: the demo model, a file, a folder, or a model on a hub."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import TextIO

from qwen_chat.errors import MissingExtraError, ModelLoadError
from qwen_chat.model import embedded
from qwen_chat.model.gguf import SPLIT, parts

_HUB_ID = re.compile(r"\w[\w.-]*/[\w.-]+(?<!\.gguf)(:[\w./-]+)?", re.ASCII | re.IGNORECASE)
_EXAMPLE = "-c Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m"
_PICKLED = (".bin", ".pt", ".pth", ".pkl")
_PREFERRED = ("q4_k_m", "q8_0", "q4_0")
_SHOWN = 5
_HUB_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Located:
    """A model that is here: its GGUF file, the first one of several."""

    path: Path
    name: str
    embedded: bool = False


def locate(checkpoint: str | None, progress: TextIO) -> Located:
    """Return the model that `checkpoint` names, fetched first where need be.

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
            return _on_hub(checkpoint, progress)
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
    if suffix == ".safetensors":
        raise _for_transformers(path)
    if not path.is_file() or (suffix != ".gguf" and not _begins_as_gguf(path)):
        raise ModelLoadError(f"{path} is not a GGUF file: name one, or a folder that has one")
    return _located(path)


def _begins_as_gguf(path: Path) -> bool:
    # Some stores keep models under their hash, with no extension.
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def _located(path: Path) -> Located:
    first = parts(path)[0]
    name = _without_part(first.name)
    return Located(first, name[:-5] if name.lower().endswith(".gguf") else name)


def _without_part(name: str) -> str:
    match = SPLIT.fullmatch(name)
    return match["stem"] + match["suffix"] if match else name


def _in_folder(folder: Path) -> Located:
    names = [item.name for item in folder.iterdir() if item.is_file()]
    models = _models(names)
    if len(models) == 1:
        return _located(folder / next(iter(models.values()))[0])
    if models:
        raise ModelLoadError(
            f"{folder} has several models: name one, -c {folder / 'FILE'}, of {_listed(models)}"
        )
    if "config.json" in names or any(name.endswith(".safetensors") for name in names):
        raise _for_transformers(folder)
    raise ModelLoadError(f"no model in {folder}: it needs a .gguf file")


def _for_transformers(path: Path) -> ModelLoadError:
    fault = f"{path} is a transformers checkpoint, for which there is no engine here yet"
    return ModelLoadError(f"{fault}: use a GGUF of it, as Qwen publishes them, for example {_EXAMPLE}")


def _models(names: Iterable[str]) -> dict[str, list[str]]:
    """Group the files of each model under its name, which leaves out the number of the part."""
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        base = PurePath(name).name.lower()
        if base.endswith(".gguf") and not base.startswith((".", "mmproj")):
            models.setdefault(_without_part(name), []).append(name)
    return models


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _on_hub(checkpoint: str, progress: TextIO) -> Located:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError("Fetching from a hub", "hub") from None
    repo, _, wanted = checkpoint.partition(":")
    try:
        info = huggingface_hub.HfApi().model_info(repo, timeout=_HUB_SECONDS)
        names = _chosen(repo, [file.rfilename for file in info.siblings or ()], wanted)
        files = [Path(huggingface_hub.hf_hub_download(repo, name)) for name in names]
    except ModelLoadError:
        raise
    except Exception as error:
        if not (cached := _in_cache(repo, wanted)):
            raise _hub_fault(checkpoint, error) from error
        progress.write(f"the hub does not give {checkpoint}: using {cached.path.name} from the cache\n")
        return cached
    return _located(files[0])


def _in_cache(repo: str, wanted: str) -> Located | None:
    if not (snapshot := _snapshot(repo)):
        return None
    here = [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*.gguf") if file.is_file()]
    with suppress(ModelLoadError):
        return _located(snapshot / _chosen(repo, here, wanted)[0])
    return None


def _snapshot(repo: str) -> Path | None:
    """Return the newest snapshot in the hub's cache that has a model."""
    from huggingface_hub.constants import HF_HUB_CACHE

    snapshots = Path(HF_HUB_CACHE, f"models--{repo.replace('/', '--')}", "snapshots")
    filled = [
        folder for folder in snapshots.glob("*") if any(file.is_file() for file in folder.rglob("*.gguf"))
    ]
    return max(filled, key=lambda folder: folder.stat().st_mtime, default=None)


def _chosen(repo: str, names: list[str], wanted: str) -> list[str]:
    """Return the files of the one model that `wanted` names, by its file or its quantization."""
    models = _models(names)
    if not models:
        raise ModelLoadError(f"{repo} has no GGUF files: look for a GGUF of it, as in {_EXAMPLE}")
    if wanted:
        found = _matching(models, wanted)
    else:
        found = next(filter(None, (_matching(models, quant) for quant in _PREFERRED)), list(models))
    if len(found) == 1:
        return models[found[0]]
    asked = f" for {wanted!r}" if wanted else ""
    fault = f"{repo} has {'several models' if found else 'no model'}{asked}"
    raise ModelLoadError(f"{fault}: name one, -c {repo}:FILE, of {_listed(found or models)}")


def _matching(models: dict[str, list[str]], wanted: str) -> list[str]:
    exact = [name for name, files in models.items() if wanted in _spellings(name, *files)]
    # q4_0 is not to match q4_0_4_4 too, nor f16 bf16, where the tag itself is there.
    tag = re.compile(rf"(?<![a-z0-9]){re.escape(wanted.lower())}(?![a-z0-9_])")
    tagged = [name for name in models if tag.search(name.lower())]
    return exact or tagged or [name for name in models if wanted.lower() in name.lower()]


def _spellings(*names: str) -> set[str]:
    return {*names, *(PurePath(name).name for name in names)}


def _hub_fault(checkpoint: str, error: Exception) -> ModelLoadError:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return ModelLoadError(
            f"{checkpoint} is gated: accept its terms on its page, then set HF_TOKEN to your token"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        nowhere = f"no such file or folder, and no such model on the hub: {checkpoint}"
        return ModelLoadError(f"{nowhere}; check the name, or set HF_TOKEN if the model is private")
    if isinstance(error, errors.HFValidationError):
        return ModelLoadError(
            f"no such file or folder, and no name of a hub's model: {checkpoint}; write owner/name"
        )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return ModelLoadError(
            f"{checkpoint} is not in the cache, and HF_HUB_OFFLINE is set: unset it to fetch it"
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    mend = "try again when online, or name a file with -c FILE.gguf"
    return ModelLoadError(f"cannot fetch {checkpoint} from the hub ({reason}): {mend}")
