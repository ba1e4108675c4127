"""Sends messages with the files that they mention."""

import shlex
from collections.abc import Sequence

from qwen_chat.commands.registry import command
from qwen_chat.commands.result import CommandResult
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


def send_message(session: ChatSession, text: str) -> CommandResult:
    """Send a message with the files that it mentions as @path; the result lists their sizes.

    Raises: RefusedError for a file that cannot be sent, and what ChatSession.send raises.
    """
    return _send(session, *attach_mentions(text))


@command(
    "file",
    usage="path ... [-- question]",
    completes="paths",
)
def file(session: ChatSession, argument: str) -> CommandResult:
    """Send files with a question; without one, put the files into the prompt, where the question is typed."""
    names, question = _split_argument(argument)
    files = [attach_path(name) for name in dict.fromkeys(names)]
    if not question:
        return CommandResult("".join(f"{format_mention(name)} " for name in names), action="compose")
    question, mentioned = attach_mentions(question)
    return _send(session, question, [*files, *(each for each in mentioned if each.name not in names)])


def check_files(session: ChatSession, message: Message) -> None:
    """Check that a message with files fits the context.

    Raises: RefusedError.
    """
    system = session.history.system
    if message.attachments:
        check_size(message, system.message if system else None, session.model)


def _send(session: ChatSession, text: str, files: Sequence[Attachment]) -> CommandResult:
    check_files(session, Message("user", text, attachments=tuple(files)))
    return CommandResult("\n".join(describe_sizes(files, session.model)), turn=session.send(text, files))


def _split_argument(argument: str) -> tuple[list[str], str]:
    """Return the paths and the question of `PATH [PATH ...] -- QUESTION`, which may have several lines."""
    line, newline, rest = argument.partition("\n")
    paths, _, question = f"{line} ".partition(" -- ")
    try:
        names = shlex.split(paths)
    except ValueError:
        raise RefusedError("a quotation mark is not closed") from None
    if not names:
        raise RefusedError("name the files: /file notes.md -- What is this about?")
    return names, f"{question}{newline}{rest}".strip()
