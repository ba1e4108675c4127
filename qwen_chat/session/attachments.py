"""Text files in messages: finds the files that a text mentions with @, reads them and counts their tokens."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from qwen_chat import i18n
from qwen_chat.errors import RefusedError, UsageError
from qwen_chat.files.bounded_read import decode_text, read_text
from qwen_chat.files.fenced import fence_file, full_text
from qwen_chat.message import Attachment, Message
from qwen_chat.model.base import ChatModel, supports_tokens

BEFORE_MENTION = r"(?<![A-Za-z0-9_@./+-])"
"""Keeps the @ of an e-mail address from beginning a mention."""

_MENTION = re.compile(BEFORE_MENTION + r'@(?:"(?P<quoted>[^"\n]+)"|(?P<bare>[^\s"@]+))')
_PUNCTUATION = ".,;:!?)]}>'`*"


def attach_bytes(name: str, data: bytes) -> Attachment:
    """Return an attachment with the text of a file.

    Raises: RefusedError that names the file and the reason when it is not text, empty or too large.
    """
    try:
        return _attach_text(name, decode_text(data, name))
    except UsageError as error:
        raise RefusedError(error.text) from None


def attach_path(name: str) -> Attachment:
    """Return an attachment with the text of the file at a path.

    Raises: RefusedError that names the file and the reason.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        raise RefusedError(i18n.Text("file.is_folder", name=name))
    try:
        return _attach_text(name, read_text(path))
    except UsageError as error:
        raise RefusedError(error.text) from None


def _attach_text(name: str, text: str) -> Attachment:
    if not text.strip():
        raise RefusedError(i18n.Text("file.empty", name=name))
    return Attachment(" ".join(name.split()), text.replace("\r\n", "\n"))


def attach_mentions(text: str) -> tuple[str, list[Attachment]]:
    """Return a text, and the files that it mentions as @path or @"path".

    The names of the files stay in the text without the @; an @ before a word that names no file stays, too.

    Raises: RefusedError for a file that cannot be attached.
    """
    files: dict[str, Attachment] = {}
    pieces, end = [], 0
    for mention in _MENTION.finditer(text):
        name = mention["quoted"] or _find_name(mention["bare"])
        if name is None or not _exists(name):
            continue
        if name not in files:
            files[name] = attach_path(name)
        pieces += [text[end : mention.start()], name]
        end = mention.end() if mention["quoted"] else mention.start() + 1 + len(name)
    return "".join([*pieces, text[end:]]), list(files.values())


def _find_name(word: str) -> str | None:
    """Return the longest beginning of a word that is the path of something, or None."""
    return next((name for name in _possible_names(word) if _exists(name)), None)


def _possible_names(word: str) -> Iterator[str]:
    yield word
    if (bare := word.rstrip(_PUNCTUATION)) not in ("", word):
        yield bare
    # Chinese text goes on after a name without a space.
    cuts = [place for place, letter in enumerate(word) if not letter.isascii() and place]
    yield from (word[:place] for place in reversed(cuts))


def _exists(name: str) -> bool:
    try:
        return any(letter.isalnum() for letter in name) and os.path.lexists(os.path.expanduser(name))  # noqa: PTH111 - a Path would drop a final slash
    except (OSError, ValueError, RuntimeError):  # too long, NUL, or a home that is not there
        return False


def format_mention(name: str) -> str:
    """Return the mention of a file."""
    return f'@"{name}"' if re.search(r"[\s@]", name) else f"@{name}"


def inline_files(message: Message) -> Message:
    """Return a message as models read it, with the text of its files in its content."""
    return replace(message, content=full_text(message), attachments=()) if message.attachments else message


def describe_sizes(files: Iterable[Attachment], model: ChatModel) -> list[str]:
    """Return a line with the size of each file, in tokens too if the model can count them.

    Waits for a model that is loading.
    """
    return [_describe_size(file, model) for file in files]


def check_size(message: Message, system: Message | None, model: ChatModel) -> None:
    """Check that a message with files fits the context of a model that can count tokens.

    Raises: RefusedError with both numbers.
    """
    if not supports_tokens(model):
        return
    messages = [*([system] if system else []), inline_files(message)]
    tokens, limit = model.count(messages), model.context_length
    if limit is not None and tokens >= limit:
        names = ", ".join(file.name for file in message.attachments)
        raise RefusedError(i18n.Text("file.exceeds_context", names=names, tokens=tokens, context=limit))


def _describe_size(file: Attachment, model: ChatModel) -> i18n.Text:
    if not supports_tokens(model):
        return i18n.Text("file.lines", name=file.name, count=file.lines)
    alone, empty = (model.count([Message("user", text)]) for text in (fence_file(file), ""))
    return i18n.Text("file.lines_and_tokens", name=file.name, count=file.lines, tokens=alone - empty)
