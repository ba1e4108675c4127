"""A text in the editor that a person has chosen with $VISUAL or $EDITOR."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text

_USUAL = ("editor", "nano", "vim", "vi", "notepad")


def edited(text: str) -> str:
    """Return what became of a text in the editor, when the person left it.

    Raises: UsageError when there is no editor, it failed, or left no text.
    """
    command = _editor()
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


def _editor() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(os.environ.get(variable, "")):
                return words
        except ValueError:
            raise UsageError(f"${variable} has a quotation mark that is not closed") from None
    found = next(filter(None, map(shutil.which, _USUAL)), None)
    if found is None:
        raise UsageError("no editor was found: set $EDITOR to one")
    return [found]
