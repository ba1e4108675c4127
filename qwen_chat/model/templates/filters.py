"""Jinja's filters for marked text; all others of Jinja do as they are."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from jinja2 import pass_eval_context
from jinja2.filters import do_indent, make_attrgetter, sync_do_join
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from qwen_chat.model.templates.marked import (
    MarkedText,
    as_text,
    join_texts,
    keep_origin,
    marks_of,
    own,
    typed,
)

_NEWLINE = own("\n")


class SafeText(Markup):
    """Marked text that is safe HTML to Jinja: what is added to it is escaped; all else counts as typed."""

    _marks: str = ""

    @property
    def marked(self) -> MarkedText:
        """The text with its marks."""
        return MarkedText(str(self), self._marks)

    def __add__(self, other: Any) -> Any:  # noqa: ANN401 - as markup
        return safe_text(self.marked + _escape(other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: Any) -> Any:  # noqa: ANN401
        return safe_text(_escape(other) + self.marked) if isinstance(other, str) else NotImplemented


def safe_text(text: object) -> SafeText:
    """Return a text that is safe HTML to Jinja."""
    safe = SafeText(text)
    safe._marks = marks_of(text) if isinstance(text, str) else ""
    return safe


def marked_filters(filters: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return Jinja's filters as they are for marked text."""
    replaced: dict[str, Any] = {"indent": _indent, "join": _join, "safe": safe_text, "tojson": _tojson}
    return {name: _with_origin(filter) for name, filter in {**filters, **replaced}.items()}


def written(value: object) -> str:
    """Return a value as a template writes it."""
    return value.marked if isinstance(value, SafeText) else as_text(value)


def _with_origin(filter: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter whose text is the template's own where everything that it gets is."""
    given = 1 if hasattr(filter, "jinja_pass_arg") else 0

    @wraps(filter)
    def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the filter
        result = filter(*args, **options)
        return keep_origin(result, [*args[given:], *options.values()]) if type(result) is str else result

    return call


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as transformers does: without escapes for HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


@pass_eval_context
def _join(
    context: EvalContext, value: Iterable[object], d: str = own(""), attribute: str | int | None = None
) -> str:
    if context.autoescape:
        return sync_do_join(context, value, d, attribute)
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    return _marked(d).join(map(written, value))


def _indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if isinstance(s, Markup):
        return do_indent(s, width, first, blank)
    prefix = width if isinstance(width, str) else own(" " * width)
    top, *rest = _marked(s + _NEWLINE).splitlines()
    lines = _NEWLINE.join([top, *(prefix + line if line or blank else line for line in rest)])
    return prefix + lines if first else lines


def _escape(text: str) -> MarkedText:
    """Return a text with what HTML needs escaped."""
    if hasattr(text, "__html__"):
        return _marked(written(text))
    pieces = (MarkedText(escape(each), marks_of(each) * len(escape(each))) for each in _marked(text))
    return join_texts(pieces)


def _marked(text: object) -> MarkedText:
    return text if isinstance(text, MarkedText) else typed(str(text))
