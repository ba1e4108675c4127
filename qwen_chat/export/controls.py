"""Control characters, which no page may hold."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """Return a text without its control characters, tabs and line ends aside."""
    return _CONTROLS.sub("", text)
