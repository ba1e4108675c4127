"""Reads one call of a tool as Qwen2.5 and later write it: as JSON, or in tags.

```
<tool_call>                                 <tool_call>
{"name": "f", "arguments": {"x": 1}}        <function=f><parameter=x>1</parameter></function>
</tool_call>                                </tool_call>
```
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from qwen_chat.model.tool_arguments import coerce_arguments, coerce_text, read_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION, _FUNCTION_END = "<function=", "</function>"
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]+)>")
_PARAMETER_START = "<parameter="
_PARAMETER_END = re.compile(r"</parameter>(?=\s*(<parameter=|</function>))")
"""A value may hold the tag as text: its own is the one that another tag follows."""

_JSON_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)

_BARE_OPENINGS = ("{", "```json", "```", "<tools>")
_BARE = re.compile(r'(```(?:json)?|<tools>)?\s*(?=\{\s*"name"\s*:\s*"([^"]*)"\s*,\s*"arguments"\s*:)')
_BARE_ENDINGS = {"```": "```", "```json": "```", "<tools>": "</tools>"}
_LONGEST_HEAD = 200
"""Characters until the name of a call without tags must have come."""

Schemas = Mapping[str, Mapping[str, Any]]
"""The JSON schemas of the arguments of tools, by the names of the tools."""

Call = tuple[str, str, int]
"""The name, the arguments as JSON, and the length of a call; an empty name if the text is no call."""

_NO_CALL = ("", "", 0)


def read_call(body: str, schemas: Schemas, *, whole: bool) -> Call | None:
    """Return the call that the text after an opening tag begins with, or None if more must come first.

    `whole` says that nothing more will come.
    """
    start = len(body) - len(body.lstrip())
    inner = body[start:]
    if inner.startswith("{"):
        found = _read_json_call(inner, schemas)
    elif inner.startswith(_FUNCTION):
        found = _read_tagged_call(inner, schemas)
    else:
        found = None if _FUNCTION.startswith(inner) else _NO_CALL
    if found is None or not found[0]:
        return found
    name, arguments, length = found
    return _with_close((name, arguments, start + length), body, CLOSE, whole=whole)


def read_bare_call(text: str, schemas: Schemas, *, whole: bool) -> Call | None:
    """Return the call without tags that a text is, as small models write it; for the rest as `read_call`."""
    start = len(text) - len(text.lstrip())
    inner = text[start:]
    opening = _BARE.match(inner)
    if opening is None:
        begun = any(each.startswith(inner) or inner.startswith(each) for each in _BARE_OPENINGS)
        return None if begun and len(inner) < _LONGEST_HEAD and not whole else _NO_CALL
    if opening[2] not in schemas:
        return _NO_CALL
    found = _read_json_call(inner[opening.end() :], schemas)
    if found is None or not found[0]:
        return found
    name, arguments, length = found
    call = name, arguments, start + opening.end() + length
    return _with_close(call, text, _BARE_ENDINGS.get(opening[1] or "", ""), whole=whole)


def _with_close(call: Call, text: str, tag: str, *, whole: bool) -> Call | None:
    """Return a call with its closing tag, which some models leave out."""
    name, arguments, end = call
    rest = text[end:].lstrip()
    if tag and rest.startswith(tag):
        return name, arguments, len(text) - len(rest) + len(tag)
    if tag and tag.startswith(rest):
        return (name, arguments, len(text)) if whole else None
    return call


def _read_json_call(text: str, schemas: Schemas) -> Call | None:
    end = _end_of_object(text)
    if end is None:
        return None
    value = read_json(text[:end])
    name, arguments = (value.get("name"), value.get("arguments")) if isinstance(value, dict) else ("", None)
    if isinstance(arguments, str):
        arguments = read_json(arguments)
    if not isinstance(name, str) or name not in schemas or not isinstance(arguments or {}, dict):
        return _NO_CALL
    return name, _as_text(coerce_arguments(arguments or {}, schemas[name])), end


def _end_of_object(text: str) -> int | None:
    """Return where the JSON object that a text begins with ends, or None when it does not."""
    depth = 0
    for found in _JSON_MARKS.finditer(text):
        if found[0] == '"':  # a text that is not closed
            return None
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return None


def _read_tagged_call(text: str, schemas: Schemas) -> Call | None:
    name, closed, _ = text.removeprefix(_FUNCTION).partition(">")
    if not closed:
        return None
    if name not in schemas:
        return _NO_CALL
    position, values = len(_FUNCTION) + len(name) + 1, dict[str, Any]()
    while found := _PARAMETER.match(text, position):
        end = _PARAMETER_END.search(text, found.end())
        if end is None:
            return None
        value = text[found.end() : end.start()].removeprefix("\n").removesuffix("\n")
        values[found[1]] = coerce_text(value, found[1], schemas[name])
        position = end.end()
    rest = text[position:].lstrip()
    if rest.startswith(_FUNCTION_END):
        return name, _as_text(values), len(text) - len(rest) + len(_FUNCTION_END)
    return None if _may_continue(rest) else _NO_CALL


def _may_continue(rest: str) -> bool:
    """Return whether a text is the beginning of one of the tags that may come next."""
    begun = rest.startswith(_PARAMETER_START) and not {">", "\n"} & set(rest)
    return begun or any(tag.startswith(rest) for tag in (_FUNCTION_END, _PARAMETER_START))


def _as_text(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, ensure_ascii=False)
