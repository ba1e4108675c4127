"""Fetches from the Hugging Face hub, with its own library and cache."""

from contextlib import suppress
from glob import escape
from importlib import import_module
from pathlib import Path

from qwen_chat.errors import MissingExtraError, ModelLoadError

_TIMEOUT_SECONDS = 10


class HuggingFace:
    """One repository on the Hugging Face hub; HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and the like are honoured.

    Raises: MissingExtraError where the library is not installed.
    """

    setting = "HF_HOME"

    def __init__(self, repo: str, revision: str | None) -> None:
        try:
            import_module("huggingface_hub")
            from huggingface_hub.constants import HF_HUB_CACHE
        except ImportError:
            raise MissingExtraError("Fetching from a hub", "hub") from None
        self.repo = repo
        self.revision = revision or None
        self.cache = Path(HF_HUB_CACHE)
        self._folder = self.cache / f"models--{repo.replace('/', '--')}"
        self._blobs: dict[str, tuple[int, str]] = {}

    def file_sizes(self) -> dict[str, int]:
        """Ask the hub for the size in bytes of each file, by name."""
        import huggingface_hub

        info = huggingface_hub.HfApi().model_info(
            self.repo, revision=self.revision, timeout=_TIMEOUT_SECONDS, files_metadata=True
        )
        for file in info.siblings or ():
            blob = file.lfs.sha256 if file.lfs else file.blob_id
            self._blobs[file.rfilename] = (file.size or 0, blob or "")
        return {name: size for name, (size, _) in self._blobs.items()}

    def missing_bytes(self, names: list[str]) -> int:
        """Return the total size of those files that are not in the cache."""
        wanted = dict(self._blobs[name][::-1] for name in names if self._blobs[name][1])
        unknown = sum(self._blobs[name][0] for name in names if not self._blobs[name][1])
        blobs = self._folder / "blobs"
        return unknown + sum(size for blob, size in wanted.items() if not (blobs / blob).is_file())

    def fetch(self, names: list[str]) -> Path:
        """Fetch the files that are not in the cache, and return the folder with all of them."""
        import huggingface_hub

        patterns = [escape(name) for name in names]
        folder = huggingface_hub.snapshot_download(
            self.repo, revision=self.revision, allow_patterns=patterns, etag_timeout=_TIMEOUT_SECONDS
        )
        # When the hub stops answering midway, the library may return an incomplete folder.
        if missing := next((name for name in names if not Path(folder, name).is_file()), None):
            raise FileNotFoundError(f"{missing} did not arrive")
        return Path(folder)

    def snapshots(self) -> list[Path]:
        """Return the snapshots in the cache: that of the revision, or all, newest first, if none is named."""
        snapshots = self._folder / "snapshots"
        named = self.revision or "main"
        best = [snapshots / named]
        with suppress(OSError):
            best.insert(0, snapshots / (self._folder / "refs" / named).read_text(encoding="utf-8").strip())
        others = [] if self.revision else sorted(snapshots.glob("*"), key=_modified_at, reverse=True)
        return [folder for folder in dict.fromkeys((*best, *others)) if folder.is_dir()]

    def as_load_error(self, checkpoint: str, error: Exception) -> ModelLoadError:
        """Translate an error of the library into one line."""
        return ModelLoadError(self._describe_error(checkpoint, error))

    def _describe_error(self, checkpoint: str, error: Exception) -> str:
        from huggingface_hub import errors

        if isinstance(error, errors.GatedRepoError):
            return f"{checkpoint} is gated: accept its terms on its page, then set HF_TOKEN to your token"
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{self.repo} has no revision {self.revision!r}: name one of its branches, tags or commits"
        if isinstance(error, errors.RepositoryNotFoundError):
            nowhere = f"no such file or folder, and no such model on the hub: {checkpoint}"
            return f"{nowhere}; check the name, or set HF_TOKEN if the model is private"
        if isinstance(error, errors.HFValidationError):
            nowhere = f"no such file or folder, and no name of a hub's model: {checkpoint}"
            return f"{nowhere}; write owner/name"
        if isinstance(error, errors.OfflineModeIsEnabled):
            return (
                f"{checkpoint} is not complete in the cache, and HF_HUB_OFFLINE is set: unset it to fetch it"
            )
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        mend = "try again when online, try --hub modelscope, or name a file with -c FILE.gguf"
        return f"cannot fetch {checkpoint} from the hub ({reason}): {mend}"


def _modified_at(folder: Path) -> float:
    return folder.stat().st_mtime
