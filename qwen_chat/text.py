"""Helpers for text that every room may use: control characters, line breaks, plurals, sizes and times."""

import re
import time
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROLS_BEYOND_ASCII = re.compile(r"[\x7f-\x9f]")
_CONTROLS_AND_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def strip_controls(text: str) -> str:
    r"""Return text without control characters, except line feeds and tabs; \r\n becomes \n.

    Each character is judged alone, so a stream may be filtered piece by piece.
    """
    return _CONTROLS.sub("", text)


def escape_controls(json_text: str) -> str:
    """Return JSON with the control characters beyond ASCII escaped: JSON allows them, terminals obey them."""
    return _CONTROLS_BEYOND_ASCII.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def has_controls_or_breaks(text: str) -> bool:
    """Return whether text holds a control character or a line break, which would spoil a list on a screen."""
    return _CONTROLS_AND_BREAKS.search(text) is not None


def blank_unprintable(text: str) -> str:
    """Return text with a space in place of each character that cannot be printed, line breaks included."""
    return "".join(character if character.isprintable() else " " for character in text)


def one_line(text: str) -> str:
    """Return a text on one line, without control characters; runs of whitespace become one space."""
    return strip_controls(" ".join(text.split()))


def unify_line_breaks(text: str) -> str:
    r"""Return text with \n in place of \r\n and \r."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def join_texts(texts: Iterable[str]) -> str:
    r"""Return several texts as the lines of one, for a text field; a line break within one is written \n."""
    return "\n".join(map(escape_line_breaks, texts))


def split_texts(lines: str) -> tuple[str, ...]:
    """Return the texts that `join_texts` joined, without empty ones."""
    return tuple(_unescape_line_breaks(line) for line in lines.split("\n") if line)


def escape_line_breaks(text: str) -> str:
    r"""Return text with its line breaks as \n and \r, and each backslash doubled."""
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: "1 turn", "3,000 turns"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def format_size(size: int) -> str:
    """Return a size in bytes as GB or MB, each a power of ten."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def format_rate(rate: float) -> str:
    """Return tokens per second, with as many digits as a forecast is worth."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


def format_time(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as the local clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _unescape_line_breaks(line: str) -> str:
    pieces = line.split("\\\\")
    return "\\".join(piece.replace("\\r", "\r").replace("\\n", "\n") for piece in pieces)
