"""Text files in messages: found where a message names them with @, read, sized, put before the question."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import RefusedError, UsageError
from qwen_chat.files.bounded_read import decode_text, read_text
from qwen_chat.message import Message
from qwen_chat.model.base import ChatModel, supports_tokens
from qwen_chat.text import plural

BEFORE_MENTION = r"(?<![A-Za-z0-9_@./+-])"
"""What keeps the @ of an address from beginning the mention of a file."""

_MENTION = re.compile(BEFORE_MENTION + r'@(?:"(?P<quoted>[^"\n]+)"|(?P<bare>[^\s"@]+))')
_BLOCKS = re.compile(r"(?:[^\n]+:\n(?P<fence>`{3,})[^`\n]*\n.*?\n(?P=fence)\n\n)+", re.DOTALL)
_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"\.([A-Za-z0-9+]{1,10})")
_PUNCTUATION = ".,;:!?)]}>'`*"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file as a message holds it; `name` is what a person called it."""

    name: str
    text: str

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.text.splitlines())

    @property
    def block(self) -> str:
        """Its part of a message: its name, and its text within a fence longer than any in it."""
        fence = "`" * max(3, *(1 + len(run) for run in _FENCE.findall(self.text)), 0)
        language = _LANGUAGE.fullmatch(Path(self.name).suffix)
        end = "" if self.text.endswith("\n") else "\n"
        return f"{self.name}:\n{fence}{language[1] if language else ''}\n{self.text}{end}{fence}\n\n"


def from_bytes(name: str, data: bytes) -> Attachment:
    """Return the file of that content.

    Raises: RefusedError, naming it and the reason, when it is not a text, or empty, or too large.
    """
    try:
        return _of_text(name, decode_text(data, name))
    except UsageError as error:
        raise RefusedError(str(error)) from None


def from_path(name: str) -> Attachment:
    """Return the file that a person called by its path.

    Raises: RefusedError, naming it and the reason.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        raise RefusedError(f"{name} is a folder: name a file in it")
    try:
        return _of_text(name, read_text(path))
    except UsageError as error:
        raise RefusedError(str(error)) from None


def _of_text(name: str, text: str) -> Attachment:
    if not text.strip():
        raise RefusedError(f"{name} is empty")
    return Attachment(" ".join(name.split()), text.replace("\r\n", "\n"))


def gathered(text: str) -> tuple[str, list[Attachment]]:
    """Return a text and the files that it mentions as @path or @"path"; their names stay in it without the @.

    What follows an @ and names no file is left as it is.

    Raises: RefusedError for a file that cannot be put into a message.
    """
    files: dict[str, Attachment] = {}
    pieces, end = [], 0
    for mention in _MENTION.finditer(text):
        name = mention["quoted"] or _named(mention["bare"])
        if name is None or not _exists(name):
            continue
        if name not in files:
            files[name] = from_path(name)
        pieces += [text[end : mention.start()], name]
        end = mention.end() if mention["quoted"] else mention.start() + 1 + len(name)
    return "".join([*pieces, text[end:]]), list(files.values())


def _named(word: str) -> str | None:
    """Return the longest beginning of a word that may be meant as a path and names something."""
    return next((name for name in _readings(word) if _exists(name)), None)


def _readings(word: str) -> Iterator[str]:
    yield word
    if (bare := word.rstrip(_PUNCTUATION)) not in ("", word):
        yield bare
    # Chinese goes on without a space.
    cuts = [place for place, letter in enumerate(word) if not letter.isascii() and place]
    yield from (word[:place] for place in reversed(cuts))


def _exists(name: str) -> bool:
    try:
        return any(letter.isalnum() for letter in name) and os.path.lexists(os.path.expanduser(name))  # noqa: PTH111 - a Path would drop a final slash
    except (OSError, ValueError, RuntimeError):  # too long, NUL, or a home that is not there
        return False


def mention(name: str) -> str:
    """Return how a message mentions a file."""
    return f'@"{name}"' if re.search(r"[\s@]", name) else f"@{name}"


def composed(question: str, files: Sequence[Attachment]) -> str:
    """Return the message that asks a question about files."""
    return "".join(file.block for file in files) + question


def question_in(text: str) -> str:
    """Return what a message asks, without the files at its beginning."""
    found = _BLOCKS.match(text)
    return text[found.end() :] if found and text[found.end() :].strip() else text


def sizes(files: Sequence[Attachment], model: ChatModel) -> list[str]:
    """Say of each file how long it is, in tokens where the model can tell; it is waited for."""
    return [f"{file.name}: {plural(file.lines, 'line')}{_tokens(file, model)}" for file in files]


def check_size(files: Sequence[Attachment], messages: Sequence[Message], model: ChatModel) -> None:
    """Do nothing when messages with files fit the context of a model that can tell.

    Raises: RefusedError with the numbers.
    """
    if not supports_tokens(model):
        return
    tokens, limit = model.count(messages), model.context_length
    if limit is not None and tokens >= limit:
        names = ", ".join(file.name for file in files)
        raise RefusedError(
            f"{names}: the message would have {tokens:,} tokens, the context holds {limit:,}: "
            "give a part of it, or start with a larger --ctx-size"
        )


def _tokens(file: Attachment, model: ChatModel) -> str:
    if not supports_tokens(model):
        return ""
    alone, empty = (model.count([Message("user", text)]) for text in (file.block, ""))
    return f", {alone - empty:,} tokens"
