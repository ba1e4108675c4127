"""Commands that change the settings of the next answer: sampling, seed, thinking, system prompt."""

import shlex
from pathlib import Path
from typing import get_args

from qwen_chat.commands.registry import command
from qwen_chat.commands.result import CommandResult
from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text
from qwen_chat.message import Think
from qwen_chat.sampling import MEANINGS, SamplingParams, parse_assignment
from qwen_chat.session.session import ChatSession


@command(
    "conf",
    "set",
    usage="[key=value ...]",
    completes="setting",
)
def conf(session: ChatSession, argument: str) -> CommandResult:
    """Show all sampling parameters, or change some; after an error none is changed."""
    if not argument:
        return CommandResult(_format_params(session))
    changes = dict(map(parse_assignment, _split_words(argument)))
    session.configure(
        SamplingParams(**{name: value for name, value in changes.items() if value is not None}),
        frozenset(name for name, value in changes.items() if value is None),
    )
    return CommandResult("\n".join(f"{name} = {_format_param(session, name)}" for name in changes))


@command("reset-conf", "reset")
def reset_conf(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Undo all changes of sampling."""
    session.reset_params()
    return CommandResult(_format_params(session))


@command(
    "seed",
    usage="[N|random]",
    words=("random",),
)
def seed(session: ChatSession, argument: str) -> CommandResult:
    """Show the seed, or set it."""
    if not argument:
        return CommandResult(_format_seed(session))
    if argument == "random":
        session.configure(SamplingParams(), frozenset({"seed"}))
    else:
        session.configure(SamplingParams.parse([f"seed={argument}"]))
    return CommandResult(_format_seed(session))


@command(
    "think",
    usage="[on|off|auto]",
    words=get_args(Think),
)
def think(session: ChatSession, argument: str) -> CommandResult:
    """Show or change whether a model that can reason does so before it answers."""
    if argument:
        choice = next((each for each in get_args(Think) if each == argument), None)
        if choice is None:
            raise UsageError(f"/think {argument}: write /think on, /think off or /think auto")
        session.set_think(choice)
    never = session.model.capabilities.thinking is False
    remark = "; this model does not reason, so it has no effect" if never else ""
    return CommandResult(f"thinking: {session.think}{remark}")


@command("system", usage="[text|@file]")
def system(session: ChatSession, argument: str) -> CommandResult:
    """Show the system prompt, or replace it from the next answer on."""
    if not argument:
        return CommandResult(session.system_prompt or "(no system prompt)")
    text = read_text(Path(argument[1:].strip('"')).expanduser()) if argument.startswith("@") else argument
    session.set_system(text)
    return CommandResult("system prompt replaced; it applies from the next answer on")


def _split_words(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError:
        raise UsageError("a quotation mark is not closed") from None


def _format_params(session: ChatSession) -> str:
    width = max(map(len, MEANINGS))
    return "\n".join(
        f"{name:<{width}} = {_format_param(session, name):<12} {MEANINGS[name]}" for name in MEANINGS
    )


def _format_param(session: ChatSession, name: str) -> str:
    value = getattr(session.effective_params, name)
    if value is None:
        return {"seed": "random", "stop": "none", "max_new_tokens": "no limit"}.get(name, "default")
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _format_seed(session: ChatSession) -> str:
    if session.params.seed is not None:
        return f"seed = {session.params.seed}"
    used = [
        node.answer.seed for node in session.history.path() if node.answer and node.answer.seed is not None
    ]
    return f"seed = random (the last answer's was {used[-1]})" if used else "seed = random"
