"""The registry of commands: how they are declared, found, parsed from a line and run; it prints nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from qwen_chat import i18n
from qwen_chat.commands.result import CommandResult
from qwen_chat.errors import UsageError
from qwen_chat.session.session import ChatSession
from qwen_chat.session.soft_switch import soft_switch

Handler = Callable[[ChatSession, str], CommandResult]

Completes = Literal["command", "role", "setting", "chat", "path", "paths"]
"""The kind of a command's argument, for completion; "path" is the rest of the line, "paths" are words, quoted
as in a shell."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its names, its handler and its usage."""

    names: tuple[str, ...]
    usage: str
    run: Handler
    completes: Completes | None = None
    words: tuple[str, ...] = ()
    """Words that the argument may begin with."""

    @property
    def summary(self) -> i18n.Text:
        """A line that says what the command does."""
        return i18n.Text(f"command_help.{self.names[0].replace('-', '_')}")


COMMANDS: list[Command] = []
"""Every command, in the order of the help."""

_BY_NAME: dict[str, Command] = {}


def command(
    *names: str,
    usage: str = "",
    completes: Completes | None = None,
    words: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Register the decorated handler as a command."""

    def register(handler: Handler) -> Handler:
        entry = Command(names, usage, handler, completes, words)
        COMMANDS.append(entry)
        _BY_NAME.update(dict.fromkeys(names, entry))
        return handler

    return register


def find_command(name: str) -> Command:
    """Return the command with a name.

    Raises: UsageError that suggests the closest name.
    """
    if (entry := _BY_NAME.get(name.lower())) is not None:
        return entry
    close = get_close_matches(name.lower(), _BY_NAME, n=1, cutoff=0.5)
    if not close:
        raise UsageError(i18n.Text("command.unknown", name=name))
    raise UsageError(i18n.Text("command.unknown_with_closest", name=name, closest=close[0]))


def parse_number(text: str) -> int:
    """Return the number that a person typed.

    Raises: UsageError.
    """
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not a number: write for example 2")
    return int(text[:9])


def parse(line: str) -> tuple[str, str] | None:
    """Return the name and argument of a command, or None when the line is a message.

    A command begins with / or : and a letter. A text of several lines is a command only when its first
    word is the name of one: pasted paths and code are messages.
    """
    head, _, argument = line.lstrip().partition(" ")
    head, newline, rest = head.partition("\n")
    if head[:1] not in ("/", ":") or not (head[1:2].isalpha() or head[1:] == "?"):
        return None
    name = head[1:]
    if soft_switch(head) and (name == "no_think" or len((rest + argument).split()) > 1):
        return None  # a soft switch of Qwen3 before a question
    if "\n" in line.strip() and name.lower() not in _BY_NAME:
        return None
    return name, (rest + newline + argument).strip() if newline else argument.strip()


def unescape_message(line: str) -> str:
    """Return the message that a line stands for: //word and ::word mean /word and :word."""
    word = line[2:].split(maxsplit=1)[0] if line[2:].strip() else ""
    doubled = line[:2] in ("//", "::") and word[:1].isalpha()
    return line[1:] if doubled and ("\n" not in line.strip() or word.lower() in _BY_NAME) else line


def run(session: ChatSession, name: str, argument: str) -> CommandResult:
    """Run a command; after an error the session is unchanged.

    Raises: QwenChatError.
    """
    return find_command(name).run(session, argument)
