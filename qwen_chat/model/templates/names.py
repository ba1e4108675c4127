"""The names of tokens in texts."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"<[|｜][^<>\n]{1,60}[|｜]>|</?[a-zA-Z][\w.:-]{0,60}>|\[/?[A-Z_]{2,60}\]")
"""What a name of a token looks like in most vocabularies."""

_MAX_NAMES = 200


def likely_names(text: str) -> list[str]:
    """Return what looks like the name of a token in a text, each once."""
    return list(dict.fromkeys(_NAME.findall(text)))[:_MAX_NAMES]


def alternation(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the names, the longest first, and keeps them when it splits."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")
