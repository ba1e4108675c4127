"""Converts LaTeX formulae to MathML, which browsers render without scripts or fonts."""

import re
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

_LONGEST = 2000
_NUMBERED = re.compile(r"\\begin\{(align|equation|gather|alignat|flalign|multline)\}")
_ENDED = re.compile(r"\\end\{(align|equation|gather|alignat|flalign|multline)\}")


def to_mathml(source: str, *, display: bool) -> str:
    """Return a formula as a <math> element, or as code when it cannot be converted."""
    # Equations get no numbers: no text refers to them.
    bare = _ENDED.sub(r"\\end{\1*}", _NUMBERED.sub(r"\\begin{\1*}", source.strip()))
    try:
        if len(source) > _LONGEST:
            raise ValueError("too long")
        root = convert_to_element(bare, display="block" if display else "inline")
        root.set("alttext", source.strip())
        return tostring(_unescape_text(root), encoding="unicode")
    except Exception:  # noqa: BLE001 - the converter raises errors of many kinds
        return f"<code>{escape(source.strip())}</code>"


def _unescape_text(root: Element) -> Element:
    """Replace the character references that the converter leaves in texts by characters."""
    for element in root.iter():
        if element.text:
            element.text = unescape(element.text)
    return root
