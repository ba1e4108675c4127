"""Grammars that restrict an answer to JSON, or to a call of a tool, in llguidance's form of Lark.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from qwen_chat.errors import MissingExtraError, UsageError
from qwen_chat.message import Tool
from qwen_chat.model.base import OutputOptions
from qwen_chat.model.reasoning import ReasoningSplitter

_HEAD = "%llguidance {}\n"


def json_object_grammar() -> str:
    """Return the grammar of any JSON object."""
    return json_grammar({"type": "object"})


def json_grammar(schema: Mapping[str, Any]) -> str:
    """Return the grammar of what a JSON schema describes.

    Raises: UsageError for a schema that is none, or that cannot be enforced; MissingExtraError.
    """
    grammar = f"answer: %json {json.dumps(schema)}\n"
    _check(grammar)
    return grammar


def tool_call_grammar(tools: Sequence[Tool]) -> str:
    """Return the grammar of one call of one of these tools, as Qwen2.5 and later write it.

    What a schema asks for that no grammar can enforce is left to a check of the finished call.

    Raises: UsageError for a schema that is none; MissingExtraError.
    """
    rules = [f"call{number}: {_call(tool)}\n" for number, tool in enumerate(tools)]
    choice = " | ".join(f"call{number}" for number in range(len(tools)))
    grammar = f'answer: "<tool_call>\\n" ({choice}) "\\n</tool_call>"\n{"".join(rules)}'
    _check(grammar)
    return grammar


def either_grammar(one: str, other: str) -> str:
    """Return the grammar of an answer that matches one of two."""
    first, second = (
        text.replace("answer:", f"{name}:", 1) for text, name in ((one, "one"), (other, "other"))
    )
    return f"answer: one | other\n{first}{second}"


def whole_grammar(output: OutputOptions, splitter: ReasoningSplitter) -> str:
    """Return the grammar of all that a model writes: reasoning is free, if the answer begins with some."""
    if not output.grammar:
        return ""
    end = rf"(.|\n)*?{_escape(splitter.marks.closing)}\s*"
    whole = rf"(\s*{_escape(splitter.marks.opening)}{end})?"
    reasoning = {"reasoning": end, "start": whole}.get(splitter.state)
    return f"{_HEAD}start: {f'/{reasoning}/ ' if reasoning else ''}answer\n{output.grammar}"


def _escape(text: str) -> str:
    return re.escape(text).replace("/", r"\/").replace("\\\n", r"\n")


def _call(tool: Tool) -> str:
    schema = {"x-guidance": {"lenient": True}, **tool.parameters}
    name = json.dumps(json.dumps(tool.name, ensure_ascii=False))[1:-1]
    return f'"{{\\"name\\": {name}, \\"arguments\\": " %json {json.dumps(schema)} "}}"'


def _check(grammar: str) -> None:
    if not find_spec("llguidance"):
        raise MissingExtraError("An answer in a given form", "server")
    from llguidance import LLMatcher

    if fault := LLMatcher.validate_grammar(f"{_HEAD}start: answer\n{grammar}"):
        raise UsageError(f"the schema cannot be enforced: {_reason(fault)}")


def _reason(fault: str) -> str:
    """Return what llguidance says about a schema, without the place in the grammar."""
    _, _, reason = fault.partition("failed to compile JSON schema: ")
    lines = (reason or fault).splitlines()
    return " ".join(line.removeprefix("error: ") for line in lines if line and not line.startswith(" "))
