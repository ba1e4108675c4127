"""Text for the full-text index, which knows words only where spaces stand: each CJK character is a word."""

import re

MARKS = ("\x02", "\x03")
"""The control characters that mark the matched words in a snippet."""

_CJK = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
_CJK_CHARACTER = re.compile(f"({_CJK})")
_SEPARATED_CJK = re.compile(f" ?({MARKS[0]}?{_CJK}{MARKS[1]}?) ?")


def separate_cjk(text: str) -> str:
    """Return a text with spaces around each CJK character."""
    return _CJK_CHARACTER.sub(r" \1 ", text)


def join_cjk(text: str) -> str:
    """Undo `separate_cjk`, also in a snippet of a text and between MARKS."""
    return _SEPARATED_CJK.sub(r"\1", text)


def match_query(text: str) -> str:
    """Return the query that matches texts with all words of `text`; "" when it has no words."""
    words = text.replace("\0", " ").replace('"', " ").split()
    return " ".join(f'"{separate_cjk(word)}"' for word in words)


def format_snippet(snippet: str) -> str:
    """Return a snippet of the index on one line, with the matched words in «»."""
    line = " ".join(join_cjk(snippet).split())
    return line.replace(MARKS[0], "«").replace(MARKS[1], "»").replace("» «", " ").replace("»«", "")
