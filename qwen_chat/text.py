"""Small things about text that are said once, and that every room may use."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROLS_OF_HTML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return text without control characters, line ends and tabs aside; what is left of `\\r\\n` is `\\n`."""
    return _CONTROLS.sub("", text)


def visible(text: str) -> str:
    """Return text without the control characters that no page may hold, tabs and line ends aside."""
    return _CONTROLS_OF_HTML.sub("", text)
