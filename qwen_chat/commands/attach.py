"""Sends messages with the files that they mention."""

import shlex
from collections.abc import Sequence

from qwen_chat.commands.table import Outcome, command
from qwen_chat.errors import RefusedError
from qwen_chat.message import Attachment, Message
from qwen_chat.session.attachments import (
    attach_mentions,
    attach_path,
    check_size,
    describe_sizes,
    format_mention,
)
from qwen_chat.session.session import ChatSession


def say(session: ChatSession, text: str) -> Outcome:
    """Send a message with the files that it mentions as @path, and say how large they are.

    Raises: RefusedError for a file that cannot be sent, and what ChatSession.send raises.
    """
    return _send(session, *attach_mentions(text))


@command(
    "file",
    usage="path ... [-- question]",
    en="Put text files into a message; @path does so too",
    zh="将文本文件放入消息，也可用 @路径",
    completes="paths",
)
def file(session: ChatSession, argument: str) -> Outcome:
    """Ask about files; without a question, name them on the line for the one to be typed."""
    names, question = _parts(argument)
    files = [attach_path(name) for name in dict.fromkeys(names)]
    if not question:
        return Outcome("".join(f"{format_mention(name)} " for name in names), action="compose")
    question, mentioned = attach_mentions(question)
    return _send(session, question, [*files, *(each for each in mentioned if each.name not in names)])


def check_files(session: ChatSession, message: Message) -> None:
    """Check that a message with files fits the context.

    Raises: RefusedError.
    """
    system = session.history.system
    if message.attachments:
        check_size(message, system.message if system else None, session.model)


def _send(session: ChatSession, text: str, files: Sequence[Attachment]) -> Outcome:
    check_files(session, Message("user", text, attachments=tuple(files)))
    return Outcome("\n".join(describe_sizes(files, session.model)), turn=session.send(text, files))


def _parts(argument: str) -> tuple[list[str], str]:
    """Return the paths and the question of `PATH [PATH ...] -- QUESTION`, or of a line and those after it."""
    line, newline, rest = argument.partition("\n")
    paths, _, question = f"{line} ".partition(" -- ")
    try:
        names = shlex.split(paths)
    except ValueError:
        raise RefusedError("a quotation mark is not closed") from None
    if not names:
        raise RefusedError("name the files: /file notes.md -- What is this about?")
    return names, f"{question}{newline}{rest}".strip()
