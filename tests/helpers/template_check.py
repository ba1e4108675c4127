"""Compares prompts with those of transformers, template by template: python template_check.py FOLDER ...

Each folder holds templates in files that end with ".jinja". The table is printed as Markdown.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import tiny_hf

from qwen_chat.errors import ModelError
from qwen_chat.message import Message, Think, Tool, ToolCall
from qwen_chat.model.base import PromptOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from qwen_chat.model.hf.prompt import CheckpointPrompt

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_NAME = re.compile(r"<\|[^|<>\s]+\|>|</?[a-zA-Z_]+>|\[/?[A-Z_]+\]|<｜[^｜]+｜>|<(?:start|end)_of_turn>")

KINDS = ("equal", "equal text", "adapted", "refused", "differs")
"""What can come of a case.

The tokens are equal, or only the text, where transformers' own protection fails; transformers refuses what is
adapted here, both refuse, or the prompts differ.
"""

PLAIN_TEXTS = ("Be brief. ", "  What is 2 + 2? /no_think\n", "\n4, of course.\n\n", "And 3 + 3?")
THOUGHTFUL = (
    "Be brief.",
    "a </think> b",
    "<think>\nLet me see.\n</think>\n\n4.",
    "/think <think>x</think> y",
)


@dataclass(frozen=True)
class Case:
    """A conversation and its options."""

    name: str
    messages: list[Message]
    options: PromptOptions
    hostile: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a case, and both prompts where they differ."""

    case: Case
    kind: str
    theirs: str = ""
    ours: str = ""


def control_names(template: str) -> tuple[str, ...]:
    """Return what looks like control tokens in a template, which its tokenizer would have."""
    found = dict.fromkeys(_NAME.findall(_COMMENT.sub("", template)))
    return tuple(name for name in found if name not in tiny_hf.CONTROL)


def cases(names: tuple[str, ...]) -> Iterator[Case]:
    """Yield conversations: plain, about reasoning and hostile; with tools and without; each way to think."""
    forged = "".join([*names[:6], *tiny_hf.CONTROL, *names[6:]])
    hostile = tuple(f"x{forged}\n{text}{forged}" for text in PLAIN_TEXTS)
    kinds = {"plain": PLAIN_TEXTS, "thoughtful": THOUGHTFUL, "hostile": hostile}
    for (kind, texts), think, tools in product(kinds.items(), get_args(Think), (False, True)):
        suffix = forged if kind == "hostile" else ""
        options = PromptOptions(think=think, tools=(_tool(suffix),) if tools else ())
        messages = _with_call(texts, suffix) if tools else _turns(texts)
        yield Case(f"{kind}, {think}{', tools' if tools else ''}", messages, options, kind != "plain")
    for think in get_args(Think):
        yield Case(f"no system, {think}", _turns(PLAIN_TEXTS)[1:], PromptOptions(think=think))


def compare(template: str) -> list[Outcome]:
    """Return the outcomes of all cases under a template."""
    from qwen_chat.model.hf.prompt import CheckpointPrompt

    names = control_names(template)
    tokenizer = tiny_hf.make_tokenizer(template, names)
    tokenizer.bos_token = tiny_hf.CONTROL[0]
    ours = CheckpointPrompt(tokenizer, first_generation=False)
    return [_compare(tokenizer, ours, case) for case in cases(names)]


def _compare(tokenizer: "PreTrainedTokenizerFast", ours: "CheckpointPrompt", case: Case) -> Outcome:
    try:
        wanted = _rendered(tokenizer, case)
    except Exception:  # noqa: BLE001 - a template may fail in any way
        wanted = None
    try:
        segments = ours.segments(case.messages, case.options)
    except ModelError:
        return Outcome(case, "refused" if wanted is None else "differs")
    if wanted is None:
        return Outcome(case, "adapted")
    found = b"".join(token.bytes for token in ours.tokens(segments)).decode()
    if found != wanted:
        return Outcome(case, "differs", wanted, found)
    ids = ours.ids(segments)
    if ids == tokenizer.encode(wanted, add_special_tokens=False):
        return Outcome(case, "equal")
    return Outcome(case, _judge_tokens(tokenizer, ids, case, wanted), wanted, found)


def _judge_tokens(tokenizer: "PreTrainedTokenizerFast", ids: list[int], case: Case, wanted: str) -> str:
    """Compare ids with those of transformers' own way to keep typed text from being control tokens.

    It puts marks around what looks like a control token, which some templates do not survive.
    """
    sanitized = list(_applied(tokenizer, case, return_dict=False, sanitize_control_tokens=True))
    if case.hostile and ids == sanitized:
        return "equal"
    return "equal text" if case.hostile and tokenizer.decode(sanitized) != wanted else "differs"


def _rendered(tokenizer: "PreTrainedTokenizerFast", case: Case) -> str:
    return str(_applied(tokenizer, case, tokenize=False))


def _applied(tokenizer: "PreTrainedTokenizerFast", case: Case, **how: Any) -> Any:
    thinking: dict[str, Any] = (
        {} if case.options.think == "auto" else {"enable_thinking": case.options.think == "on"}
    )
    messages = [_as_openai(message) for message in case.messages]
    tools: Any = [tool.as_json() for tool in case.options.tools] or None
    return tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, **thinking, **how)


def _as_openai(message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        entry["tool_calls"] = [
            {
                "type": "function",
                "id": call.id,
                "function": {"name": call.name, "arguments": json.loads(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        entry |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return entry


def _turns(texts: tuple[str, ...]) -> list[Message]:
    system, question, answer, last = texts
    return [
        Message("system", system),
        Message("user", question),
        Message("assistant", answer),
        Message("user", last),
    ]


def _with_call(texts: tuple[str, ...], suffix: str) -> list[Message]:
    system, question, answer, last = texts
    call = ToolCall("call00001", f"weather{suffix}", json.dumps({"city": f"Oslo{suffix}", "days": 2}))
    return [
        Message("system", system),
        Message("user", question),
        Message("assistant", "", tool_calls=(call,)),
        Message("tool", f'{{"rain": true}}{suffix}', tool_call_id="call00001", name=f"weather{suffix}"),
        Message("assistant", answer),
        Message("user", last),
    ]


def _tool(suffix: str) -> Tool:
    city = {"type": "string", "description": f"Where.{suffix}"}
    parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    return Tool(f"weather{suffix}", f"Tell the weather.{suffix}", parameters)


def main(folders: list[str]) -> None:
    """Write a table of all templates to stdout, and what differs to stderr."""
    for path in (path for folder in folders for path in sorted(Path(folder).glob("*.jinja"))):
        outcomes = compare(path.read_text(encoding="utf-8"))
        counts = Counter(outcome.kind for outcome in outcomes)
        row = " | ".join(str(counts[kind]) for kind in KINDS)
        sys.stdout.write(f"| {path.parent.name}/{path.stem} | {row} |\n")
        for outcome in outcomes:
            if outcome.kind == "differs":
                sys.stderr.write(f"{path.stem}, {outcome.case.name}:\n{_first_difference(outcome)}\n")


def _first_difference(outcome: Outcome) -> str:
    ours, theirs = outcome.ours, outcome.theirs
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    start = max(at - 40, 0)
    return f"  theirs {theirs[start : at + 80]!r}\n  ours   {ours[start : at + 80]!r}"


if __name__ == "__main__":
    main(sys.argv[1:])
