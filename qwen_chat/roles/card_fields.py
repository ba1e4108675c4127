"""The fields of a card's JSON object, with their types looked at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.text import strip_controls, unify_line_breaks

_SEPARATORS = {0x2028: None, 0x2029: None}
"""Line and paragraph separators, at which some programs break lines and others do not."""

_BOUND = 10_000_000


@dataclass(frozen=True, slots=True)
class Fields:
    """An object's fields; `path` goes before a field's name where a fault is told."""

    values: Mapping[str, Any]
    path: str = ""

    def text(self, name: str) -> str:
        """Return a text, "" where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self._fault(name, "a text")
        return value or ""

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, empty where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._fault(name, "a list of texts")
        return value

    def fields(self, name: str) -> "Fields | None":
        """Return an object, or None where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self._fault(name, "an object")
        return Fields(value, f"{self.path}{name}.")

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of objects, empty where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            raise self._fault(name, "a list of objects")
        return [Fields(each, f"{self.path}{name}[{number}].") for number, each in enumerate(value)]

    def number(self, name: str, default: int) -> int:
        """Return a number as a whole one within ten millions, or `default` where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self._fault(name, "a number")
        return int(max(-_BOUND, min(_BOUND, value)))

    def switch(self, name: str, *, default: bool) -> bool:
        """Return true or false, or `default` where there is none.

        Raises: UsageError when it is something else.
        """
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._fault(name, "true or false")
        return default if value is None else value

    def _fault(self, name: str, wanted: str) -> UsageError:
        return UsageError(f"{self.path}{name} must be {wanted}: mend it in a card editor")


def clean(text: str) -> str:
    """Return a text with plain line ends, without control characters and halves of surrogate pairs."""
    text = strip_controls(unify_line_breaks(text))
    return text.translate(_SEPARATORS).encode(errors="replace").decode()
