"""Formulae as a terminal can show them: LaTeX -> Unicode, and where in a line they stand."""

import re
from collections.abc import Callable

_MATH = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]|\$\$(?P<double>.+?)\$\$"
    # As pandoc does, so that a price stays a price: nothing blank inside, no digit after.
    r"|(?<![\\$])\$(?=[^\s$])(?P<single>[^$`]*?[^\s$\\])\$(?!\d)"
)
_KINDS = ("round", "square", "double", "single")
_LONGEST = 2000


def replace_formulae(line: str, put: Callable[[str], str]) -> str:
    """Replace each formula of a line by what `put` returns for its text in Unicode; code is left alone."""

    def replaced(found: re.Match[str]) -> str:
        source = next((found[kind] for kind in _KINDS if found[kind]), None)
        return found[0] if source is None else put(to_unicode(source))

    return _MATH.sub(replaced, line)


def to_unicode(source: str) -> str:
    """Return a formula in Unicode; what is not understood stays as it is written."""
    import unicodeit
    from pylatexenc.latex2text import LatexNodes2Text

    if len(source) > _LONGEST:
        return source
    # unicodeit knows raised and lowered signs, pylatexenc the grouping under a root.
    lifted = unicodeit.replace(source.replace(r"\sqrt", r"\rootof")).replace(r"\rootof", r"\sqrt")
    try:
        text = LatexNodes2Text().latex_to_text(lifted)
    except (ValueError, RecursionError, IndexError, KeyError):
        return source
    return " ".join(text.split()) or source
