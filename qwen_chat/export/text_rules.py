"""What looks like Markdown or a formula and is text: prices, shell variables, paths of Windows, bare URLs."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

_DOLLARS = re.compile(
    # The rule of pandoc: no blank inside the dollars, no digit after them. A letter may stand next to them
    # only as in "the $n$th"; otherwise they belong to names, as in $HOME/$USER and US$5.
    r"(?<![A-Za-z0-9\\$])\$(?=[^\s$])(?P<formula>[^$`]*?[^\s$\\])\$(?!\d|(?!(?:th|st|nd|rd|s)\b)[A-Za-z_{])"
)
_AMOUNT = re.compile(r"\d[\d.,]*\s[^\\]*?\b[A-Za-z]{2,}\b[^\\]*|\d[\d.,]*\s+[A-Za-z]{2,}")
"""A number and words: "$5, or US$" is no formula."""

_SCHEME = re.compile(r"(?<![A-Za-z0-9])(?:https?|ftp)$")
_URL_REST = re.compile(r"://[^\s<>`\"'\[\](){}|，。；：！？、（）《》「」【】]+")
_AFTER_URL = "*_~.,;:!?"
"""Signs that end a sentence or an emphasis rather than a URL."""

_PATH = re.compile(r"[\"'(]*[A-Za-z]:\S*$")
_BRACKETED = re.compile(r"\\[(\[][^\s\\]*\\[)\]]")


def find_dollar_formula(line: str, start: int, end: int) -> re.Match[str] | None:
    """Return the formula between single dollars that starts at a position, as the group `formula`."""
    found = _DOLLARS.match(line, start, end)
    return None if found is None or _AMOUNT.fullmatch(found["formula"]) else found


def is_in_path(line: str, start: int) -> bool:
    r"""Return whether a position is within a path of Windows, such as that of \( in C:\(x86\)."""
    return _PATH.search(line, max(0, start - 260), start) is not None


def keep_as_text(parser: "MarkdownIt") -> None:
    """Let a parser of Markdown take bare URLs and paths of Windows as they are."""
    parser.inline.ruler.after("text", "windows_path", _parse_path)
    parser.inline.ruler.after("text", "bare_url", _parse_url)


def _parse_path(state: "StateInline", silent: bool) -> bool:
    found = _BRACKETED.match(state.src, state.pos, state.posMax)
    if found is None or not is_in_path(state.src, state.pos):
        return False
    return _take(state, found[0], silent)


def _parse_url(state: "StateInline", silent: bool) -> bool:
    found = _URL_REST.match(state.src, state.pos, state.posMax)
    if found is None or _SCHEME.search(state.src, max(0, state.pos - 6), state.pos) is None:
        return False
    return _take(state, found[0].rstrip(_AFTER_URL), silent)


def _take(state: "StateInline", text: str, silent: bool) -> bool:
    if not silent:
        state.pending += text
    state.pos += len(text)
    return True
