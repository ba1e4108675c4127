"""Commands that change how the next answer is made."""

import shlex
from pathlib import Path
from typing import get_args

from qwen_chat import presets
from qwen_chat.commands.table import Outcome, command
from qwen_chat.errors import UsageError
from qwen_chat.message import Think
from qwen_chat.model.loading import LoadingModel
from qwen_chat.presets import Preset
from qwen_chat.sampling import MEANINGS, SamplingParams, parse_assignment
from qwen_chat.session import ChatSession
from qwen_chat.text_file import read_text


@command("conf", "set", usage="[key=value ...]", en="Show or change sampling", zh="显示或修改生成配置")
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


@command("seed", usage="[N|random]", en="Show or set the random seed", zh="显示或设置随机种子")
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
)
def think(session: ChatSession, argument: str) -> Outcome:
    """Show or change whether a model that can reason does so before it answers."""
    if argument:
        choice = next((each for each in get_args(Think) if each == argument), None)
        if choice is None:
            raise UsageError(f"/think {argument}: write /think on, /think off or /think auto")
        session.think = choice
    known = not isinstance(session.model, LoadingModel) or session.model.ready
    remark = "" if not known or session.model.thinks else "; this model does not reason, so it has no effect"
    return Outcome(f"thinking: {session.think}{remark}")


@command("system", usage="[text|@file]", en="Show or replace the system prompt", zh="显示或替换系统提示词")
def system(session: ChatSession, argument: str) -> Outcome:
    """Show the system prompt in force, or replace it from the next answer on."""
    if not argument:
        return Outcome(session.system_prompt or "(no system prompt)")
    text = read_text(Path(argument[1:]).expanduser()) if argument.startswith("@") else argument
    session.set_system(text)
    return Outcome("system prompt replaced; it counts from the next answer on")


@command(
    "role",
    "persona",
    usage="[name]",
    en="List roles, or begin a chat in one",
    zh="列出角色，或以某角色开始新对话",
)
def role(session: ChatSession, argument: str) -> Outcome:
    """List the roles, or begin a new conversation in one."""
    if not argument:
        found, problems = presets.all_presets()
        return Outcome("\n".join([*_roles(found, session.role), *problems]))
    session.take_role(presets.load(argument))
    return Outcome(_entered(session))


def _entered(session: ChatSession) -> str:
    role = session.role
    if role is None:
        return ""
    examples = [f"  try: {example}" for example in role.examples[:1]]
    return "\n".join([f"new chat as {role.title}", *([role.greeting] if role.greeting else examples)])


def _roles(found: tuple[Preset, ...] | list[Preset], current: Preset | None) -> list[str]:
    width = max((len(preset.name) for preset in found), default=0)
    mark = current.name if current else ""
    return [f"{'*' if p.name == mark else ' '} {p.name:<{width}}  {p.title}" for p in found]


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
