"""The command table: what a command is, and how a line becomes one; it prints nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.message import Token
from qwen_chat.session.session import ChatSession
from qwen_chat.session.soft_switch import soft_switch
from qwen_chat.session.turn import Turn


@dataclass(frozen=True, slots=True)
class TokenView:
    """Tokens to look at: stretches of them, each under its heading; `detailed` asks for ids and bytes."""

    stretches: tuple[tuple[str, tuple[Token, ...]], ...]
    detailed: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things to pick from: the word for it, a line, and a longer text to look at."""

    value: str
    title: str
    preview: str


@dataclass(frozen=True, slots=True)
class Picking:
    """What a front end may let a person pick from: `command` with the value picked is then run."""

    command: str
    choices: tuple[Choice, ...]
    current: str = ""
    notes: tuple[str, ...] = ()
    """What to tell besides."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: text to show, a turn to watch, or something only a front end can do."""

    text: str = ""
    turn: Turn | None = None
    action: Literal["exit", "clear screen", "compose", "open page"] | None = None
    number: int = 0
    """For "compose": the message that `text` is to be edited for."""
    tokens: TokenView | None = None
    """Tokens to draw above the text."""
    picking: Picking | None = None
    """A list to pick from, for front ends that can; the text lists the same."""


Handler = Callable[[ChatSession, str], Outcome]

Completes = Literal["command", "role", "setting", "chat", "path", "paths"]
"""What an argument names, for front ends that complete it; "path" is the rest of the line, "paths" are words
as shells quote them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the names it goes by, and its help in English and Chinese."""

    names: tuple[str, ...]
    usage: str
    english: str
    chinese: str
    run: Handler
    completes: Completes | None = None
    words: tuple[str, ...] = ()
    """What its argument may begin with."""


COMMANDS: list[Command] = []
"""Every command, in the order of the help."""

_BY_NAME: dict[str, Command] = {}


def command(
    *names: str,
    usage: str = "",
    en: str,
    zh: str,
    completes: Completes | None = None,
    words: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Enter a handler into the table."""

    def enter(handler: Handler) -> Handler:
        entry = Command(names, usage, en, zh, handler, completes, words)
        COMMANDS.append(entry)
        _BY_NAME.update(dict.fromkeys(names, entry))
        return handler

    return enter


def find(name: str) -> Command:
    """Return the command of that name.

    Raises: UsageError with the closest name.
    """
    if (entry := _BY_NAME.get(name.lower())) is not None:
        return entry
    close = get_close_matches(name.lower(), _BY_NAME, n=1, cutoff=0.5)
    if not close:
        raise UsageError(i18n.Text("command.unknown", name=name))
    raise UsageError(i18n.Text("command.unknown_with_closest", name=name, closest=close[0]))


def whole_number(text: str) -> int:
    """Read a number that a person typed.

    Raises: UsageError.
    """
    if not text.isdecimal():
        raise UsageError(f"{text!r} is not a number: write for example 2")
    return int(text[:9])


def parse(line: str) -> tuple[str, str] | None:
    """Return a command's name and argument, or None when the line is a message.

    A command begins with / or : and a letter. A text of several lines is a command only when its first
    word is the name of one, so that pasted paths and code are not.
    """
    head, _, argument = line.lstrip().partition(" ")
    head, newline, rest = head.partition("\n")
    if head[:1] not in ("/", ":") or not (head[1:2].isalpha() or head[1:] == "?"):
        return None
    name = head[1:]
    if soft_switch(head) and (name == "no_think" or len((rest + argument).split()) > 1):
        return None  # Qwen3's own switches, before a question
    if "\n" in line.strip() and name.lower() not in _BY_NAME:
        return None
    return name, (rest + newline + argument).strip() if newline else argument.strip()


def as_message(line: str) -> str:
    """Return the message a line stands for: //word and ::word say /word and :word."""
    word = line[2:].split(maxsplit=1)[0] if line[2:].strip() else ""
    doubled = line[:2] in ("//", "::") and word[:1].isalpha()
    return line[1:] if doubled and ("\n" not in line.strip() or word.lower() in _BY_NAME) else line


def run(session: ChatSession, name: str, argument: str) -> Outcome:
    """Run a command.

    Raises: QwenChatError; the session is as it was before.
    """
    return find(name).run(session, argument)
