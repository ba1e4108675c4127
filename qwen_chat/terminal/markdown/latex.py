"""LaTeX formulae -> Unicode, and where the formulae of a line are."""

import re
from collections.abc import Callable

from qwen_chat.export.text_rules import find_dollar_formula, is_in_path

_MATH = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]|\$\$(?P<double>.+?)\$\$"
    r"|(?<![\\$])(?P<single>\$)"
)
_KINDS = ("round", "square", "double")
_MAX_LENGTH = 2000


def replace_formulae(line: str, replace: Callable[[str], str]) -> str:
    """Replace each formula of a line by `replace(formula in Unicode)`; inline code is left alone."""
    parts, end = [], 0
    while (found := _MATH.search(line, end)) is not None:
        formula = find_dollar_formula(line, found.start(), len(line)) if found["single"] else found
        parts.append(line[end : found.start()])
        end = (formula or found).end()
        source = _source(line, formula)
        parts.append(line[found.start() : end] if source is None else replace(latex_to_unicode(source)))
    return "".join([*parts, line[end:]])


def _source(line: str, formula: re.Match[str] | None) -> str | None:
    """Return the LaTeX of what was found, or None if it is no formula."""
    if formula is None or is_in_path(line, formula.start()):
        return None
    groups = formula.groupdict()
    return groups.get("formula") or next((groups[kind] for kind in _KINDS if groups.get(kind)), None)


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
