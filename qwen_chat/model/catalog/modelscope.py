"""Fetches from ModelScope, with its own library and cache."""

import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qwen_chat.errors import MissingExtraError, ModelLoadError

if TYPE_CHECKING:
    from modelscope_hub import FileInfo

# Larger files are checked by size: hashing them at every start would take longer than loading them.
_MAX_HASHED_BYTES = 1 << 26

_ATTEMPTS = "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS"


@contextmanager
def _few_attempts() -> Generator[None]:
    """Let the library try twice, which it reads when it is imported, and leave the environment as it was.

    Its default of four attempts would delay every start without a network by seven seconds.
    """
    if _ATTEMPTS in os.environ:
        yield
        return
    os.environ[_ATTEMPTS] = "2"
    try:
        yield
    finally:
        del os.environ[_ATTEMPTS]


class ModelScope:
    """One repository on ModelScope; MODELSCOPE_ENDPOINT, MODELSCOPE_API_TOKEN and the like are honoured.

    Raises: MissingExtraError where the library is not installed.
    """

    setting = "MODELSCOPE_CACHE"

    def __init__(self, repo: str, revision: str | None) -> None:
        try:
            with _few_attempts():
                from modelscope_hub import HubApi, get_default_config
        except ImportError:
            raise MissingExtraError("Fetching from ModelScope", "modelscope") from None
        # The library logs its retries to the terminal.
        logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)
        self.repo = repo
        self.revision = revision or None
        self.cache = Path(get_default_config().cache_dir)
        self._files: dict[str, FileInfo] = {}
        self._api = HubApi()

    def file_sizes(self) -> dict[str, int]:
        """Ask the hub for the size in bytes of each file, by name."""
        files = self._api.list_repo_files(self.repo, "model", revision=self.revision)
        self._files = {file.path: file for file in files if not file.is_dir}
        return {name: file.size for name, file in self._files.items()}

    def missing_bytes(self, names: list[str]) -> int:
        """Return the total size of those files that are not in the cache."""
        folders = self.snapshots()
        return sum(
            self._files[name].size
            for name in names
            if not any(_is_complete(folder / name, self._files[name].size) for folder in folders)
        )

    def fetch(self, names: list[str]) -> Path:
        """Fetch the files that are not in the cache, and return the folder with all of them."""
        paths = [self._fetch_file(name) for name in names]
        return Path(str(paths[0]).removesuffix(names[0]))

    def _fetch_file(self, name: str) -> Path:
        file = self._files[name]
        return self._api.download_file(
            self.repo,
            "model",
            name,
            revision=self.revision,
            expected_sha256=file.sha256 if file.size < _MAX_HASHED_BYTES else None,
            file_size=file.size,
        )

    def snapshots(self) -> list[Path]:
        """Return the folder in the cache with this revision, if there is one."""
        from modelscope_hub import CacheError

        try:
            found = self._api.download_repo(self.repo, "model", revision=self.revision, local_files_only=True)
        except CacheError:
            return []
        return [found]

    def as_load_error(self, checkpoint: str, error: Exception) -> ModelLoadError:
        """Translate an error of the library into one line."""
        return ModelLoadError(self._describe_error(checkpoint, error))

    def _describe_error(self, checkpoint: str, error: Exception) -> str:
        from modelscope_hub import AuthenticationError, NetworkError, NotExistError, PermissionDeniedError

        if isinstance(error, AuthenticationError | PermissionDeniedError):
            mend = "accept its terms on its page, then set MODELSCOPE_API_TOKEN to your token"
            return f"{checkpoint} is not open to all: {mend}"
        if isinstance(error, NotExistError):
            revision = f" with a revision {self.revision!r}" if self.revision else ""
            nowhere = f"no such file or folder, and no such model{revision} on ModelScope: {checkpoint}"
            return f"{nowhere}; check the name, or set MODELSCOPE_API_TOKEN if the model is private"
        message = "no answer" if isinstance(error, NetworkError) else str(error).strip()
        reason = (message or type(error).__name__).splitlines()[0][:160]
        mend = "try again when online, try --hub huggingface, or name a file with -c FILE.gguf"
        return f"cannot fetch {checkpoint} from ModelScope ({reason}): {mend}"


def _is_complete(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
