"""The command that lists, takes and imports roles."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from qwen_chat.commands.registry import command, parse_number
from qwen_chat.commands.result import CommandResult, Menu, MenuItem
from qwen_chat.errors import UsageError
from qwen_chat.roles import Role, all_roles, load_role
from qwen_chat.session.session import ChatSession

_PREVIEW_LENGTH = 240


@command(
    "role",
    "persona",
    usage="[name [greeting number] | import card]",
    completes="role",
    words=("import",),
)
def role(session: ChatSession, argument: str) -> CommandResult:
    """List the roles, begin a new conversation in one, or make one of a character card."""
    head, _, rest = argument.partition(" ")
    if not argument:
        return _list_roles(session)
    if head == "import":
        return _import_card(rest)
    number = rest.strip()
    if number.isdecimal():
        session.take_role(_with_greeting(load_role(head), parse_number(number)))
    else:
        session.take_role(load_role(argument))
    return CommandResult(_describe_role(session))


def _list_roles(session: ChatSession) -> CommandResult:
    found, problems = all_roles()
    current = session.role.name if session.role else ""
    shown = [role.fill_names(session.settings.user_name) for role in found]
    choices = tuple(MenuItem(role.name, role.title, _preview(role)) for role in shown)
    width = max((len(choice.value) for choice in choices), default=0)
    lines = [f"{'*' if c.value == current else ' '} {c.value:<{width}}  {c.title}" for c in choices]
    return CommandResult("\n".join([*lines, *problems]), menu=Menu("role", choices, current, tuple(problems)))


def _preview(role: Role) -> str:
    greeting = ["", f"» {_shorten(role.greeting)}"] if role.greeting else []
    return "\n".join([role.title, "", _shorten(role.system), *greeting])


def _shorten(text: str) -> str:
    return text if len(text) <= _PREVIEW_LENGTH else text[:_PREVIEW_LENGTH] + "…"


def _with_greeting(role: Role, number: int) -> Role:
    """Return the role with another of its greetings, counted from 1."""
    if not 1 <= number <= len(role.greetings):
        raise UsageError(f"no greeting {number}: {role.name} has {len(role.greetings)}")
    return replace(role, greeting=role.greetings[number - 1])


def _describe_role(session: ChatSession) -> str:
    role = session.role
    if role is None:
        return ""
    examples = [f"  try: {example}" for example in role.examples[:1]]
    others = len(role.alternate_greetings)
    more = [f"  it can begin in {others + 1} ways: /role {role.name} 2 takes the second"] if others else []
    return "\n".join([f"new chat as {role.title}", *more, *([role.greeting] if role.greeting else examples)])


def _import_card(argument: str) -> CommandResult:
    from qwen_chat.roles.card_import import import_card

    path, name, overwrite = _parse_import(argument)
    imported = import_card(Path(path).expanduser(), name, overwrite=overwrite)
    return CommandResult(f"{imported.summary}\nplay it: /role {imported.role.name}")


def _parse_import(argument: str) -> tuple[str, str | None, bool]:
    """Return what `PATH [--name NAME] [--overwrite]` says; a file's name as it is, or as shells quote it."""
    with suppress(OSError, ValueError):
        if Path(argument).expanduser().is_file():
            return argument, None, False
    try:
        words: Sequence[str] = shlex.split(argument)
    except ValueError:
        raise UsageError("a quotation mark is not closed") from None
    name, overwrite, paths = None, False, []
    left: Iterator[str] = iter(words)
    for word in left:
        if word == "--overwrite":
            overwrite = True
        elif word == "--name":
            name = next(left, "")
        else:
            paths.append(word)
    if not paths:
        raise UsageError("name the card: /role import CARD.png")
    return " ".join(paths), name, overwrite
