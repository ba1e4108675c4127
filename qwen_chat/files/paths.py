"""Where things are kept: the platform's own folders, closed to other users."""

from pathlib import Path

import platformdirs

from qwen_chat.errors import StoreError

_DIRS = platformdirs.PlatformDirs("qwen-chat", appauthor=False)


def config_dir() -> Path:
    """Return the folder of config.toml and roles/; it need not exist."""
    return _DIRS.user_config_path


def data_dir() -> Path:
    """Return the folder of the conversations, made if needed."""
    return private_dir(_DIRS.user_data_path)


def state_dir() -> Path:
    """Return the folder of the input history, made if needed."""
    return private_dir(_DIRS.user_state_path)


def cache_dir() -> Path:
    """Return the folder of what can be fetched again, made if needed."""
    return private_dir(_DIRS.user_cache_path)


def private_dir(path: Path) -> Path:
    """Make `path` with mode 0700 where it is missing, and return it.

    Raises: StoreError when it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder {path}: {error.strerror}; make it, or see --no-history"
        ) from None
    return path


def private_file(path: Path) -> Path:
    """Make an empty `path` with mode 0600 where it is missing, and return it.

    Raises: StoreError when it cannot be made.
    """
    private_dir(path.parent)
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return path
