"""Finds the fields of a printf-style format."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_FIELD = re.compile(r"%(?:\((?P<key>[^()]*)\))?(?P<rest>[-#0 +]*[0-9]*(?:\.[0-9]*)?[hlL]?[a-zA-Z%])")
_STAR = re.compile(r"%(?:\([^()]*\))?[-#0 +0-9.]*\*")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a format: where it stands, its conversion such as "%s", and its value."""

    start: int
    end: int
    conversion: str
    value: object


def printf_fields(format: str, values: object) -> Iterator[Field]:
    """Yield the fields of a format that fits its values.

    Raises: ValueError for a width that is itself a value.
    """
    if _STAR.search(format):
        raise ValueError
    sequence, number = values if isinstance(values, tuple) else (values,), count()
    for found in _FIELD.finditer(format):
        conversion, key = f"%{found['rest']}", found["key"]
        value: object = None
        if key is not None and isinstance(values, dict):
            value = values[key]
        elif not conversion.endswith("%"):
            value = sequence[next(number)]
        yield Field(found.start(), found.end(), conversion, value)
