"""What a person says, with the files that it names."""

import shlex
from collections.abc import Sequence

from qwen_chat.commands.table import Outcome, command
from qwen_chat.errors import RefusedError
from qwen_chat.message import Message
from qwen_chat.session import attachments
from qwen_chat.session.attachments import Attachment
from qwen_chat.session.session import ChatSession


def say(session: ChatSession, text: str) -> Outcome:
    """Send a message with the files that it mentions as @path, and say how large they are.

    Raises: RefusedError for a file that cannot be sent, and what ChatSession.send raises.
    """
    return _ask(session, *attachments.gathered(text))


def with_files(session: ChatSession, text: str) -> tuple[str, str]:
    """Return the message that a text with @path stands for, and what to say of its files.

    Raises: RefusedError.
    """
    question, files = attachments.gathered(text)
    return _composed(session, question, files)


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
    files = [attachments.from_path(name) for name in dict.fromkeys(names)]
    if not question:
        return Outcome("".join(f"{attachments.mention(name)} " for name in names), action="compose")
    question, mentioned = attachments.gathered(question)
    return _ask(session, question, [*files, *(each for each in mentioned if each.name not in names)])


def _ask(session: ChatSession, question: str, files: Sequence[Attachment]) -> Outcome:
    text, said = _composed(session, question, files)
    return Outcome(said, turn=session.send(text))


def _composed(session: ChatSession, question: str, files: Sequence[Attachment]) -> tuple[str, str]:
    if not files:
        return question, ""
    text = attachments.composed(question, files)
    system = [session.history.system.message] if session.history.system else []
    attachments.check_size(files, [*system, Message("user", text)], session.model)
    return text, "\n".join(attachments.sizes(files, session.model))


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
