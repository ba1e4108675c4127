"""What is typed on the page: a message, or one of the commands that every front end has.

Commands that read or write files of this machine are not for the page, where anyone may sit: it has its own
ways to bring files and to take them.
"""

from dataclasses import dataclass

from qwen_chat import commands
from qwen_chat.commands.registry import find_command
from qwen_chat.commands.result import TokenListing
from qwen_chat.errors import UsageError
from qwen_chat.session.session import ChatSession

_FILES = ("path", "paths")
_FILE_WORDS = {"role": "import"}
_OTHER_WAYS = "the page has its own: drop a file into the message, or see the menu of the chat"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to show of a command; `compose` is a text to go on with, in place of message `message` if any.

    `begun` tells whether an answer is being written now.
    """

    begun: bool = False
    said: str = ""
    compose: str = ""
    message: str = ""


def take(session: ChatSession, line: str) -> Answer:
    """Send a message, or run a command; an unknown command is a fault and never sent.

    Raises: QwenChatError.
    """
    command = commands.parse(line)
    if command is None:
        session.send(commands.unescape_message(line))
        return Answer(begun=True)
    name, argument = command
    _check(name, argument)
    outcome = commands.run(session, name, argument)
    if outcome.action == "compose":
        message = session.history.message_at(outcome.number).id if outcome.number else ""
        return Answer(compose=outcome.text, message=message)
    said = "\n".join(filter(None, (_drawn(outcome.tokens), outcome.text)))
    return Answer(begun=outcome.turn is not None, said=said)


def _check(name: str, argument: str) -> None:
    entry = find_command(name)
    head = argument.split(maxsplit=1)[0] if argument.strip() else ""
    mentions = "@" in argument if entry.names[0] == "edit" else head.startswith("@")
    reads = entry.completes in _FILES or _FILE_WORDS.get(entry.names[0]) == head or mentions
    if reads:
        raise UsageError(f"/{name} with files is for the terminal: {_OTHER_WAYS}")


def _drawn(view: TokenListing | None) -> str:
    """Return tokens as a text, each between bars; with ids where they are asked for."""
    if view is None:
        return ""
    lines = []
    for heading, tokens in view.sections:
        shown = (token.bytes.decode(errors="replace") for token in tokens)
        pieces = [
            f"{text} {token.id}" if view.detailed else text for text, token in zip(shown, tokens, strict=True)
        ]
        lines.append(f"{heading}\n{'|'.join(pieces)}")
    return "\n\n".join(lines)
