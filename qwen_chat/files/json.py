"""JSON that other programs, or people, wrote: each value is looked at before it is believed.

Knows neither conversations nor settings. Faults are ValueErrors that name the value; callers say where.
"""

import json
from collections.abc import Mapping
from typing import Any, get_args

_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "an object", list: "a list"}
_INTEGERS = 2**63
"""What the store cannot count to."""


def parse(text: str) -> Any:  # noqa: ANN401
    """Return what a JSON text says.

    Raises: ValueError.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a JSON file: {error}") from None


def field(entry: Mapping[str, Any], name: str, kind: type, *default: Any) -> Any:  # noqa: ANN401
    """Return a value that can be kept, or the default where it is missing or null.

    Raises: ValueError.
    """
    value = entry.get(name)
    if value is None and default:
        return default[0]
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds or not _can_be_kept(value):
        raise ValueError(f"{name!r} must be {_KINDS[kind]}")
    return kind(value)


def choice(entry: Mapping[str, Any], name: str, kind: Any) -> Any:  # noqa: ANN401 - a Literal
    """Return a value that is one of a Literal's.

    Raises: ValueError.
    """
    value = entry.get(name)
    if value not in get_args(kind):
        raise ValueError(f"{name!r} must be one of {', '.join(get_args(kind))}")
    return value


def _can_be_kept(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, str):
        return value.encode(errors="ignore").decode() == value
    return not isinstance(value, int | float) or abs(value) < _INTEGERS
