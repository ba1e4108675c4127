"""Writes exports to new files; existing files are never overwritten."""

import re
import time
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.files.atomic_write import create_file
from qwen_chat.history import History


def write_new(path: Path, text: str) -> None:
    """Write a new file.

    Raises: UsageError when the file exists or cannot be written.
    """
    try:
        create_file(path, text)
    except FileExistsError:
        raise UsageError(f"{path} exists: choose another name") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None


def file_name(history: History, kind: str) -> str:
    """Return a file name made of words of the title and the time, without any part of a path."""
    words = re.sub(r"[^\w]+", "-", history.title.lower()).strip("-")[:40].strip("-")
    suffix = "qwen.json" if kind == "qwen" else kind
    return f"{words or 'chat'}-{time.strftime('%Y%m%d-%H%M%S')}.{suffix}"
