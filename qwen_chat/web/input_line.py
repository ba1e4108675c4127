"""Runs a line that was typed on the page: a message, or a command.

The page refuses commands that read or write files of this machine, as anyone may sit at the page; it has its
own uploads and downloads.
"""

from dataclasses import dataclass

from qwen_chat import commands
from qwen_chat.commands.registry import find_command
from qwen_chat.commands.result import TokenListing
from qwen_chat.errors import UsageError
from qwen_chat.session.session import ChatSession

_FILE_COMPLETIONS = ("path", "paths")
_FILE_SUBCOMMANDS = {"role": "import"}
_OTHER_WAYS = "the page has its own: drop a file into the message, or see the menu of the chat"


@dataclass(frozen=True, slots=True)
class InputResult:
    """The result of a line: `begun` tells whether an answer was begun, and `said` is the output of a command.

    `compose` is a text to edit, in place of the message with the id `message` if there is one.
    """

    begun: bool = False
    said: str = ""
    compose: str = ""
    message: str = ""


def run_line(session: ChatSession, line: str) -> InputResult:
    """Send a message, or run a command; an unknown command is an error and is never sent.

    Raises: QwenChatError.
    """
    command = commands.parse(line)
    if command is None:
        session.send(commands.unescape_message(line))
        return InputResult(begun=True)
    name, argument = command
    _refuse_files(name, argument)
    outcome = commands.run(session, name, argument)
    if outcome.action == "compose":
        message = session.history.message_at(outcome.number).id if outcome.number else ""
        return InputResult(compose=outcome.text, message=message)
    said = "\n".join(filter(None, (_format_tokens(outcome.tokens), outcome.text)))
    return InputResult(begun=outcome.turn is not None, said=said)


def _refuse_files(name: str, argument: str) -> None:
    entry = find_command(name)
    head = argument.split(maxsplit=1)[0] if argument.strip() else ""
    mentions = "@" in argument if entry.names[0] == "edit" else head.startswith("@")
    reads = entry.completes in _FILE_COMPLETIONS or _FILE_SUBCOMMANDS.get(entry.names[0]) == head or mentions
    if reads:
        raise UsageError(f"/{name} with files is for the terminal: {_OTHER_WAYS}")


def _format_tokens(view: TokenListing | None) -> str:
    """Return tokens as a text with bars between them, with their ids in a detailed listing."""
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
