"""Parses JSON that people and other programs wrote; a fault says where it is.

The parser is that of the standard library: other programs write halves of surrogate pairs, which msgspec
refuses, and its faults have lines. `validation` checks the values.
"""

import json
from typing import Any


class JsonSyntaxError(ValueError):
    """A text is not JSON; `trailing` when a whole value is followed by something more."""

    def __init__(self, fault: str, *, trailing: bool = False) -> None:
        super().__init__(fault)
        self.trailing = trailing


def parse_json(data: str | bytes) -> Any:  # noqa: ANN401 - whatever the text says
    """Return the value of a JSON text.

    Raises: JsonSyntaxError, which reads on from "the file is".
    """
    try:
        return json.loads(data.decode("utf-8-sig") if isinstance(data, bytes) else data)
    except UnicodeDecodeError as error:
        raise JsonSyntaxError(f"not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        fault = f"{error.msg[:1].lower()}{error.msg[1:]} (line {error.lineno}, column {error.colno})"
        raise JsonSyntaxError(f"not JSON: {fault}", trailing=error.msg == "Extra data") from None
    except RecursionError:
        raise JsonSyntaxError("not JSON: it is nested too deeply to be read") from None
    except ValueError:  # of a number with thousands of digits
        raise JsonSyntaxError("not JSON: a number in it is too long") from None
