"""Messages of several lines: when Enter breaks the line, and which typed characters belong to the message."""

import re

from qwen_chat.text import strip_controls, unify_line_breaks

_SURROGATES = re.compile("[\ud800-\udfff]")
"""Python decodes bytes that are not UTF-8 to these."""

_QUOTES = '"""'


def needs_more_lines(text: str) -> bool:
    """Return whether Enter breaks the line: after a final backslash, or within an open block.

    A block begins a message with three quotation marks and ends with the next three at the end of a line.
    An even number of final backslashes is part of the text.
    """
    return _ends_with_escape(text) or (text.lstrip().startswith(_QUOTES) and not _is_block_closed(text))


def add_line_break(text: str) -> str:
    """Return the text with a line break at its end, in place of the backslash that asked for it."""
    return (text[:-1] if _ends_with_escape(text) else text) + "\n"


def parse_message(typed: str) -> str:
    """Return the message that was typed, without the quotes of a block and without control characters."""
    text = clean_text(typed)
    block = text.strip()
    if not (block.startswith(_QUOTES) and block.endswith(_QUOTES) and _is_block_closed(block)):
        return text
    inside = block[len(_QUOTES) : -len(_QUOTES)]
    return inside.removeprefix("\n").removesuffix("\n")


def clean_text(text: str) -> str:
    """Return text with plain line ends, without control characters and without bytes that are not UTF-8."""
    return _SURROGATES.sub("\ufffd", strip_controls(unify_line_breaks(text)))


def _ends_with_escape(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _is_block_closed(text: str) -> bool:
    after = text.rpartition(_QUOTES)[2].partition("\n")[0]
    return text.count(_QUOTES) % 2 == 0 and not after.strip()
