"""Commands that change how the next answer is made."""

import shlex
from pathlib import Path
from typing import get_args

from qwen_chat.commands.table import Outcome, command
from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text
from qwen_chat.message import Think
from qwen_chat.sampling import MEANINGS, SamplingParams, parse_assignment
from qwen_chat.session.session import ChatSession


@command(
    "conf",
    "set",
    usage="[key=value ...]",
    en="Show or change sampling",
    zh="显示或修改生成配置",
    completes="setting",
)
def conf(session: ChatSession, argument: str) -> Outcome:
    """Show all sampling parameters, or change some of them at once or not at all."""
    if not argument:
        return Outcome(_shown(session))
    changes = dict(map(parse_assignment, _split(argument)))
    session.configure(
        SamplingParams(**{name: value for name, value in changes.items() if value is not None}),
        frozenset(name for name, value in changes.items() if value is None),
    )
    return Outcome("\n".join(f"{name} = {_value(session, name)}" for name in changes))


@command("reset-conf", "reset", en="Take back changes of sampling", zh="重置生成配置")
def reset_conf(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Take back all changes of sampling."""
    session.reset_params()
    return Outcome(_shown(session))


@command(
    "seed",
    usage="[N|random]",
    en="Show or set the random seed",
    zh="显示或设置随机种子",
    words=("random",),
)
def seed(session: ChatSession, argument: str) -> Outcome:
    """Show the seed, or set it."""
    if not argument:
        return Outcome(_seed(session))
    if argument == "random":
        session.configure(SamplingParams(), frozenset({"seed"}))
    else:
        session.configure(SamplingParams.parse([f"seed={argument}"]))
    return Outcome(_seed(session))


@command(
    "think",
    usage="[on|off|auto]",
    en="Let the model reason first, or not",
    zh="设置是否先思考再回答",
    words=get_args(Think),
)
def think(session: ChatSession, argument: str) -> Outcome:
    """Show or change whether a model that can reason does so before it answers."""
    if argument:
        choice = next((each for each in get_args(Think) if each == argument), None)
        if choice is None:
            raise UsageError(f"/think {argument}: write /think on, /think off or /think auto")
        session.set_think(choice)
    never = session.model.capabilities.thinking is False
    remark = "; this model does not reason, so it has no effect" if never else ""
    return Outcome(f"thinking: {session.think}{remark}")


@command("system", usage="[text|@file]", en="Show or replace the system prompt", zh="显示或替换系统提示词")
def system(session: ChatSession, argument: str) -> Outcome:
    """Show the system prompt in force, or replace it from the next answer on."""
    if not argument:
        return Outcome(session.system_prompt or "(no system prompt)")
    text = read_text(Path(argument[1:].strip('"')).expanduser()) if argument.startswith("@") else argument
    session.set_system(text)
    return Outcome("system prompt replaced; it counts from the next answer on")


def _split(argument: str) -> list[str]:
    try:
        return shlex.split(argument)
    except ValueError:
        raise UsageError("a quotation mark is not closed") from None


def _shown(session: ChatSession) -> str:
    width = max(map(len, MEANINGS))
    return "\n".join(f"{name:<{width}} = {_value(session, name):<12} {MEANINGS[name]}" for name in MEANINGS)


def _value(session: ChatSession, name: str) -> str:
    value = getattr(session.effective_params, name)
    if value is None:
        return {"seed": "random", "stop": "none", "max_new_tokens": "no limit"}.get(name, "default")
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _seed(session: ChatSession) -> str:
    if session.params.seed is not None:
        return f"seed = {session.params.seed}"
    used = [
        node.answer.seed for node in session.history.path() if node.answer and node.answer.seed is not None
    ]
    return f"seed = random (the last answer's was {used[-1]})" if used else "seed = random"
