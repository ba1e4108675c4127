"""The folders for configuration, data, state and caches, at the platform's own places, for the user alone."""

from pathlib import Path

import platformdirs

from qwen_chat.errors import StoreError

_DIRS = platformdirs.PlatformDirs("qwen-chat", appauthor=False)


def config_dir() -> Path:
    """Return the folder of config.toml and roles/; it need not exist."""
    return _DIRS.user_config_path


def data_dir() -> Path:
    """Return the folder of the conversations, and create it if needed."""
    return private_dir(_DIRS.user_data_path)


def state_dir() -> Path:
    """Return the folder of the input history, and create it if needed."""
    return private_dir(_DIRS.user_state_path)


def cache_dir() -> Path:
    """Return the folder of files that can be fetched again, and create it if needed."""
    return private_dir(_DIRS.user_cache_path)


def private_dir(path: Path) -> Path:
    """Return the folder at `path`; where it is missing, create it with mode 0700.

    Raises: StoreError when it cannot be created.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder {path}: {error.strerror}; make it, or see --no-history"
        ) from None
    return path


def private_file(path: Path) -> Path:
    """Return the file at `path`; where it is missing, create an empty one with mode 0600.

    Raises: StoreError when it cannot be created.
    """
    private_dir(path.parent)
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return path
