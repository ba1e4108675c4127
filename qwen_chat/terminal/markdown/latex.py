"""LaTeX formulae -> Unicode, and where the formulae of a line are."""

import re
from collections.abc import Callable

_MATH = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]|\$\$(?P<double>.+?)\$\$"
    # The rule of pandoc, so that $5 stays a price: no blank inside the dollars, no digit after them.
    r"|(?<![\\$])\$(?=[^\s$])(?P<single>[^$`]*?[^\s$\\])\$(?!\d)"
)
_KINDS = ("round", "square", "double", "single")
_MAX_LENGTH = 2000


def replace_formulae(line: str, replace: Callable[[str], str]) -> str:
    """Replace each formula of a line by `replace(formula in Unicode)`; inline code is left alone."""

    def replace_match(found: re.Match[str]) -> str:
        source = next((found[kind] for kind in _KINDS if found[kind]), None)
        return found[0] if source is None else replace(latex_to_unicode(source))

    return _MATH.sub(replace_match, line)


def latex_to_unicode(source: str) -> str:
    """Return a formula in Unicode; LaTeX that cannot be parsed is returned unchanged."""
    import unicodeit
    from pylatexenc.latex2text import LatexNodes2Text

    if len(source) > _MAX_LENGTH:
        return source
    # unicodeit converts superscripts and subscripts, pylatexenc the group under a root.
    scripts = unicodeit.replace(source.replace(r"\sqrt", r"\rootof")).replace(r"\rootof", r"\sqrt")
    try:
        text = LatexNodes2Text().latex_to_text(scripts)
    except (ValueError, RecursionError, IndexError, KeyError):
        return source
    return " ".join(text.split()) or source
