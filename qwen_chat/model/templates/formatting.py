"""The method `format` of marked text."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from jinja2.sandbox import SandboxedEnvironment, SandboxedFormatter

from qwen_chat.model.templates.marked import MarkedText, as_text, is_own, keep_origin, own


def format_pieces(
    environment: SandboxedEnvironment, text: MarkedText, args: Sequence[Any], options: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the pieces of a formatted text.

    Raises: ValueError for a format that somebody typed, or that holds formats itself.
    """
    if not is_own(text):
        raise ValueError
    formatter, number = SandboxedFormatter(environment), count()
    for literal, field, form, conversion in formatter.parse(text):
        yield own(literal)
        if field is None:
            continue
        name = f"{next(number)}{field}" if not field or field[0] in ".[" else field
        value, _ = formatter.get_field(name, args, options)
        yield _format_value(value, form or "", conversion)


def _format_value(value: object, form: str, conversion: str | None) -> str:
    if "{" in form:
        raise ValueError
    if not form and not conversion:
        return as_text(value)
    field = f"{{0{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
    return str(keep_origin(field.format(value), [value]))
