"""When Enter breaks the line instead of sending, and what of the typing is not part of the message."""

import re

from qwen_chat.text import strip_controls, unify_line_breaks

_NO_CHARACTER = re.compile("[\ud800-\udfff]")
"""How bytes come that are not UTF-8."""

_QUOTES = '"""'


def goes_on(text: str) -> bool:
    """Return whether a text is to go on after Enter: a line ends with a backslash, or a block is open.

    A block begins a message with three quotation marks, and ends where they are paired again at a line's
    end; a doubled backslash is the text's own.
    """
    return _escaped(text) or (text.lstrip().startswith(_QUOTES) and not _closed(text))


def next_line(text: str) -> str:
    """Return a text with the line break after which it goes on; the backslash that asked for it is gone."""
    return (text[:-1] if _escaped(text) else text) + "\n"


def message(typed: str) -> str:
    """Return the message that was typed: without the quotes of a block, and without control characters."""
    text = harmless(typed)
    block = text.strip()
    if not (block.startswith(_QUOTES) and block.endswith(_QUOTES) and _closed(block)):
        return text
    inside = block[len(_QUOTES) : -len(_QUOTES)]
    return inside.removeprefix("\n").removesuffix("\n")


def harmless(text: str) -> str:
    """Return text as lines of characters: no control characters, and no bytes that are not UTF-8."""
    return _NO_CHARACTER.sub("\ufffd", strip_controls(unify_line_breaks(text)))


def _escaped(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _closed(text: str) -> bool:
    after = text.rpartition(_QUOTES)[2].partition("\n")[0]
    return text.count(_QUOTES) % 2 == 0 and not after.strip()
