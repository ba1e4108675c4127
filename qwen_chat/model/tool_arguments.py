"""Reads the arguments of tool calls as their JSON schema means them."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_TEXT_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:True|False|None)\b', re.DOTALL)
_BOOLEANS = {"true": True, "false": False}


def read_json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value, in which Python's words for true, false and null count too; "" if it is none."""
    corrected = _TEXT_OR_WORD.sub(lambda found: _PYTHON_WORDS.get(found[0], found[0]), text)
    try:
        return json.loads(corrected, strict=False, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return ""


def coerce_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with texts as the values that the schema asks for."""
    return {
        name: coerce_text(value, name, schema) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def coerce_text(text: str, name: str, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a text as the value that the schema asks for under a name; the text where it fits none."""
    kinds = _kinds(schema.get("properties", {}).get(name, {}))
    if "string" in kinds or not kinds:
        return text
    for kind in kinds:
        value = _READERS[kind](text.strip()) if kind in _READERS else None
        if value is not None:
            return value
    return None if "null" in kinds and text.strip().lower() in ("null", "none") else text


def _kinds(schema: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Return the types that a schema allows, also as one of several schemas."""
    if not isinstance(schema, Mapping):
        return []
    given = schema.get("type", [])
    kinds = [given] if isinstance(given, str) else [kind for kind in given if isinstance(kind, str)]
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return kinds + [kind for choice in choices for kind in _kinds(choice)]


def _read_integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,300}", text) else None


def _read_number(text: str) -> int | float | None:
    if (whole := _read_integer(text)) is not None:
        return whole
    return float(text) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,2})?", text) else None


def _read_of_kind(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:  # noqa: ANN401 - any JSON value
        value = read_json(text)
        return value if isinstance(value, kind) else None

    return read


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": _read_integer,
    "number": _read_number,
    "boolean": lambda text: _BOOLEANS.get(text.lower()),
    "array": _read_of_kind(list),
    "object": _read_of_kind(dict),
}


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
