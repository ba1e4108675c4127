"""Validates values from JSON and TOML against types; the one place that uses msgspec.

Faults are plain sentences that name the value by its path; callers add the file and, where known, the line.
"""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec import field as struct_field
from msgspec.inspect import (
    CollectionType,
    DictType,
    LiteralType,
    Metadata,
    StructType,
    Type,
    UnionType,
    type_info,
)

__all__ = ["InvalidValueError", "Meta", "Struct", "convert", "fits", "struct_field"]

T = TypeVar("T")

_PLACE = re.compile(r"(?s)(.*) - at `\$(.*)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_KIND = re.compile(r"(?s)Expected `([^`]*)`(?:, got .*|( [<>]=? .*| of length .*)?)")
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
    if fault.startswith("Invalid enum value"):
        fault = f"must be one of {', '.join(map(str, _choices(type_info(type), place)))}"
    elif match := _KIND.fullmatch(fault):
        fault = _describe_kind(match[1], (match[2] or "").strip())
    return InvalidValueError(f"{path}{place}".removeprefix("."), fault)


def _describe_kind(kinds: str, bound: str) -> str:
    names = [_KINDS.get(kind, kind) for kind in kinds.split(" | ") if kind != "null"]
    names = names[names.index("a number") :] if "a number" in names else names
    sign, _, number = bound.removeprefix("of length ").partition(" ")
    if bound.startswith("of length"):
        return (
            f"must be {' or '.join(names)} of length {sign} {number}"
            if number != "1"
            else "must not be empty"
        )
    limit = f" {_BOUNDS[sign]} {number}" if bound and "e+308" not in number else ""
    return f"must be {' or '.join(names)}{limit}"


def _choices(node: Type, place: str) -> list[object]:
    """Return the values of the Literal that a path leads to from a type."""
    nodes = _parts(node)
    for name, _ in _STEP.findall(place):
        nodes = [each for node in nodes for child in _children(node, name) for each in _parts(child)]
    return [value for node in nodes if isinstance(node, LiteralType) for value in node.values]


def _parts(node: Type) -> list[Type]:
    if isinstance(node, Metadata):
        return _parts(node.type)
    return [part for each in node.types for part in _parts(each)] if isinstance(node, UnionType) else [node]


def _children(node: Type, name: str) -> list[Type]:
    if isinstance(node, StructType):
        return [field.type for field in node.fields if field.encode_name == name]
    if isinstance(node, CollectionType):
        return [node.item_type]
    return [node.value_type] if isinstance(node, DictType) else []
