"""Formulae as MathML, which browsers draw by themselves: no script, no fonts, nothing to load."""

import re
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

_LONGEST = 2000
_NUMBERED = re.compile(r"\\begin\{(align|equation|gather|alignat|flalign|multline)\}")
_ENDED = re.compile(r"\\end\{(align|equation|gather|alignat|flalign|multline)\}")


def to_mathml(source: str, *, display: bool) -> str:
    """Return a formula as a <math> element; what is not understood stays as it is written, as code."""
    # Numbers of equations are for those who refer to them.
    bare = _ENDED.sub(r"\\end{\1*}", _NUMBERED.sub(r"\\begin{\1*}", source.strip()))
    try:
        if len(source) > _LONGEST:
            raise ValueError("too long")
        root = convert_to_element(bare, display="block" if display else "inline")
        root.set("alttext", source.strip())
        return tostring(_unescaped(root), encoding="unicode")
    except Exception:  # noqa: BLE001 - it has errors of its own for each fault, and falls over many more
        return f"<code>{escape(source.strip())}</code>"


def _unescaped(root: Element) -> Element:
    """Turn the names of characters that the converter leaves in texts into the characters."""
    for element in root.iter():
        if element.text:
            element.text = unescape(element.text)
    return root
