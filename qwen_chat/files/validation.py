"""Validates values from JSON and TOML against types; the one place that uses msgspec.

Faults are plain sentences that name the value by its path; callers add the file and, where known, the line.
"""

import re
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec import field as struct_field

__all__ = ["Integer", "InvalidValueError", "Meta", "Struct", "Text", "convert", "fits", "struct_field"]

Text = Annotated[str, Meta(pattern=r"\A[^\ud800-\udfff]*\Z")]
"""Text that can be stored: without halves of surrogate pairs."""

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number that can be stored."""

T = TypeVar("T")

_PLACE = re.compile(r"(?s)(.*) - at `\$(.*)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_KIND = re.compile(r"(?s)Expected `([^`]*)`(?:, got .*|( [<>]=? .*| of length .*| matching .*)?)")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
}
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}


class InvalidValueError(ValueError):
    """A value does not fit its type; `path` leads to it, "" for the whole value."""

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(f"{path!r} {fault}" if path else f"it {fault}")
        self.path = path
        self.fault = fault


def convert(value: object, type: type[T], path: str = "") -> T:
    """Return a parsed value as the type; whole numbers may stand for others, and nothing else is converted.

    `path` is what the value is called in faults.

    Raises: InvalidValueError.
    """
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise _explain(str(error), type, path) from None


def fits(value: object, type: Any) -> bool:  # noqa: ANN401 - a type, or what stands for one
    """Return whether a parsed value fits a type."""
    try:
        msgspec.convert(value, type)
    except msgspec.ValidationError:
        return False
    return True


def _explain(message: str, type: type, path: str) -> InvalidValueError:
    found = _PLACE.fullmatch(message)
    fault, place = found.groups() if found else (message, "")
    for pattern, words in ((_MISSING, "is missing"), (_UNKNOWN, "is unknown")):
        if match := pattern.fullmatch(fault):
            place, fault = f"{place}.{match[1]}", words
    if choices := _choices(type, place):
        fault = f"must be one of {', '.join(map(str, choices))}"
    elif fault == "Number out of range":
        fault = "is out of range"
    elif match := _KIND.fullmatch(fault):
        fault = _describe_kind(match[1], (match[2] or "").strip())
    return InvalidValueError(f"{path}{place}".removeprefix("."), fault)


def _describe_kind(kinds: str, bound: str) -> str:
    names = [_KINDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null"]
    names = names[names.index("a number") :] if "a number" in names else names
    sign, _, number = bound.removeprefix("of length ").partition(" ")
    if bound.startswith("matching"):
        return "must be valid text"
    if bound.startswith("of length"):
        return (
            f"must be {' or '.join(names)} of length {sign} {number}"
            if number != "1"
            else "must not be empty"
        )
    limit = f" {_BOUNDS[sign]} {number}" if bound and "e+308" not in number else ""
    return f"must be {' or '.join(names)}{limit}"


def _choices(type: Any, place: str) -> tuple[object, ...]:  # noqa: ANN401
    """Return the values of the Literal that a path leads to from a type, none where there is no Literal."""
    types = _split_union(type)
    for name, _ in _STEP.findall(place):
        types = [
            part for each in types for child in _types_within(each, name) for part in _split_union(child)
        ]
    return tuple(value for each in types if get_origin(each) is Literal for value in get_args(each))


def _split_union(type: Any) -> list[Any]:  # noqa: ANN401
    if get_origin(type) is Annotated:
        return _split_union(get_args(type)[0])
    if get_origin(type) in (Union, UnionType):
        return [part for each in get_args(type) for part in _split_union(each)]
    return [type]


def _types_within(outer: Any, field: str) -> list[Any]:  # noqa: ANN401
    """Return the type of a Struct's field, or of the items of a list or dict."""
    if isinstance(outer, type) and issubclass(outer, Struct):
        return [each.type for each in msgspec.structs.fields(outer) if each.encode_name == field]
    return list(get_args(outer)[-1:] if get_origin(outer) is dict else get_args(outer)[:1])
