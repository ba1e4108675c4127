"""Edits a text in the editor that $VISUAL or $EDITOR names."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text

_FALLBACKS = ("editor", "nano", "vim", "vi", "notepad")


def edit_text(text: str) -> str:
    """Open a text in the editor, wait until it exits, and return the edited text.

    Raises: UsageError when there is no editor, when it fails, or when the file is not text.
    """
    command = _find_editor()
    with TemporaryDirectory(prefix="qwen-chat-") as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8", newline="")
        try:
            code = subprocess.call([*command, str(path)])
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot run {command[0]}: {reason}; set $EDITOR to an editor") from None
        if code:
            raise UsageError(f"{command[0]} ended with code {code}: the text is as it was")
        return read_text(path).removesuffix("\n")


def _find_editor() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(os.environ.get(variable, "")):
                return words
        except ValueError:
            raise UsageError(f"${variable} has a quotation mark that is not closed") from None
    found = next(filter(None, map(shutil.which, _FALLBACKS)), None)
    if found is None:
        raise UsageError("no editor was found: set $EDITOR to one")
    return [found]
