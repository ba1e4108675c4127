"""Text that knows of each of its characters whether the template wrote it or somebody typed it.

All operations give what those of `str` give. Where the origin of a character is lost, it counts as typed, so
that a control token can only come from a template.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, SupportsIndex

from qwen_chat.model.templates.limits import check_length
from qwen_chat.model.templates.printf import printf_fields

OWN, TYPED = "o", "t"
"""The marks of a character: the template wrote it, or somebody typed it."""

_RUN = re.compile(f"{OWN}+|{TYPED}+")


class MarkedText(str):
    """A string with one mark for each of its characters; without enough marks, all of it counts as typed."""

    __slots__ = ("_marks",)
    _marks: str

    def __new__(cls, text: object = "", marks: str = "") -> "MarkedText":
        """Return a text with its marks."""
        marked = super().__new__(cls, text)
        check_length(len(marked))
        marked._marks = marks if len(marks) == len(marked) else TYPED * len(marked)
        return marked

    # A template must get a marked text where it asks for a string.
    def __str__(self) -> "MarkedText":
        return self

    def __add__(self, other: str) -> Any:  # noqa: ANN401 - markup decides itself what it becomes
        if not isinstance(other, str) or hasattr(other, "__html__"):
            return NotImplemented
        return join_texts((self, other))

    def __radd__(self, other: str) -> Any:  # noqa: ANN401
        return join_texts((other, self)) if isinstance(other, str) else NotImplemented

    def __mul__(self, count: SupportsIndex) -> "MarkedText":
        check_length(len(self) * max(count.__index__(), 0))
        return MarkedText(str.__mul__(self, count), self._marks * count)

    __rmul__ = __mul__

    def __mod__(self, values: Any) -> str:  # noqa: ANN401 - as str
        text = str.__mod__(self, values)
        return join_if_equal(_printf_pieces(self, values), text)

    def __getitem__(self, key: SupportsIndex | slice) -> "MarkedText":
        return MarkedText(str.__getitem__(self, key), self._marks[key])

    def __iter__(self) -> Iterator["MarkedText"]:
        return map(MarkedText, str.__iter__(self), self._marks)

    def join(self, texts: Iterable[str]) -> "MarkedText":
        """Join texts with this one between them."""
        texts = list(texts)
        text = str.join(self, texts)
        return MarkedText(text, self._marks.join(map(marks_of, texts)))

    def replace(self, old: str, new: str, count: SupportsIndex = -1) -> str:
        """Replace a text by another one."""
        if not old:
            return _unify(str.replace(self, old, new, count), self, new)
        return join_texts(_separate(self.split(old, count), new))

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Split at a separator, or at whitespace."""
        return list(_cut_in_order(self, str.split(self, sep, maxsplit), sep))

    def rsplit(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Split at a separator, or at whitespace, from the right."""
        return list(_cut_in_order(self, str.rsplit(self, sep, maxsplit), sep))

    def splitlines(self, keepends: bool = False) -> list[str]:
        """Split into lines."""
        whole = _cut_in_order(self, str.splitlines(self, keepends=True), "")
        lines = str.splitlines(self, keepends)
        return [line[: len(kept)] for line, kept in zip(whole, lines, strict=True)]

    def partition(self, sep: str) -> tuple[str, str, str]:
        """Split at the first separator."""
        before, between, after = _cut_in_order(self, str.partition(self, sep), "")
        return before, between, after

    def rpartition(self, sep: str) -> tuple[str, str, str]:
        """Split at the last separator."""
        before, between, after = _cut_in_order(self, str.rpartition(self, sep), "")
        return before, between, after

    def strip(self, chars: str | None = None) -> "MarkedText":
        """Remove characters at both ends."""
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: str | None = None) -> "MarkedText":
        """Remove characters at the start."""
        return self[len(self) - len(str.lstrip(self, chars)) :]

    def rstrip(self, chars: str | None = None) -> "MarkedText":
        """Remove characters at the end."""
        return self[: len(str.rstrip(self, chars))]

    def removeprefix(self, prefix: str) -> "MarkedText":
        """Remove a prefix."""
        return self[len(self) - len(str.removeprefix(self, prefix)) :]

    def removesuffix(self, suffix: str) -> "MarkedText":
        """Remove a suffix."""
        return self[: len(str.removesuffix(self, suffix))]

    def upper(self) -> str:
        """Return the text in capitals."""
        return _recase(self, str.upper(self))

    def lower(self) -> str:
        """Return the text in small letters."""
        return _recase(self, str.lower(self))

    def title(self) -> str:
        """Return the text with each word capitalized."""
        return _recase(self, str.title(self))

    def capitalize(self) -> str:
        """Return the text with its first letter capitalized."""
        return _recase(self, str.capitalize(self))

    def swapcase(self) -> str:
        """Return the text with capitals and small letters exchanged."""
        return _recase(self, str.swapcase(self))

    def center(self, width: SupportsIndex, fillchar: str = " ") -> str:
        """Return the text in the middle of a width."""
        check_length(width.__index__())
        return _unify(str.center(self, width, fillchar), self, fillchar)

    def ljust(self, width: SupportsIndex, fillchar: str = " ") -> str:
        """Return the text at the left of a width."""
        check_length(width.__index__())
        return join_texts((self, _unify(str.ljust(self, width, fillchar)[len(self) :], fillchar)))

    def rjust(self, width: SupportsIndex, fillchar: str = " ") -> str:
        """Return the text at the right of a width."""
        check_length(width.__index__())
        padding = str.rjust(self, width, fillchar)
        return join_texts((_unify(padding[: len(padding) - len(self)], fillchar), self))


def own(text: str) -> MarkedText:
    """Return a text that the template wrote."""
    return MarkedText(text, OWN * len(text))


def typed(text: str) -> MarkedText:
    """Return a text that somebody typed."""
    return MarkedText(text)


def marks_of(text: str) -> str:
    """Return the mark of each character."""
    return text._marks if isinstance(text, MarkedText) else TYPED * len(text)


def is_own(value: object) -> bool:
    """Return whether a template made a value: its texts, and its numbers."""
    if isinstance(value, MarkedText):
        return TYPED not in value._marks
    return value is None or isinstance(value, (bool, int, float))


def join_texts(texts: Iterable[str]) -> MarkedText:
    """Join texts."""
    texts = list(texts)
    return MarkedText("".join(texts), "".join(map(marks_of, texts)))


def as_text(value: object) -> str:
    """Return a value as a template writes it."""
    return own(str(value)) if is_own(value) and not isinstance(value, str) else str(value)


def runs(text: MarkedText) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a text, each with whether the template wrote it."""
    plain = "".join(str.__iter__(text))
    for run in _RUN.finditer(text._marks):
        yield plain[run.start() : run.end()], run[0][0] == OWN


def keep_origin(result: object, values: Iterable[object]) -> Any:  # noqa: ANN401 - as it comes
    """Return what a function made of values, marked as the template's own if all of them are."""
    return own(result) if type(result) is str and all(map(is_own, values)) else result


def join_if_equal(pieces: Iterable[str], result: str) -> MarkedText:
    """Return pieces joined if they make the whole result; otherwise all of it counts as typed."""
    try:
        joined = join_texts([*pieces])
    except (ValueError, LookupError, TypeError):
        return typed(result)
    return joined if joined == result else typed(result)


def _unify(result: str, *sources: str) -> MarkedText:
    return own(result) if all(map(is_own, sources)) else typed(result)


def _recase(text: MarkedText, result: str) -> MarkedText:
    return MarkedText(result, text._marks) if len(result) == len(text) else _unify(result, text)


def _printf_pieces(text: MarkedText, values: object) -> Iterator[str]:
    at = 0
    for field in printf_fields(text, values):
        yield text[at : field.start]
        if field.conversion.endswith("%"):
            yield text[field.start : field.start + 1]
        elif field.conversion == "%s":
            yield as_text(field.value)
        else:
            yield keep_origin(str.__mod__(field.conversion, (field.value,)), [field.value])
        at = field.end
    yield text[at:]


def _separate(texts: Sequence[str], separator: str) -> list[str]:
    return [piece for text in texts for piece in (separator, text)][1:]


def _cut_in_order(text: MarkedText, pieces: Iterable[str], separator: str | None) -> Iterator[MarkedText]:
    """Yield pieces that stand in a text in their order, with whitespace between them if it is None."""
    at = 0
    for piece in pieces:
        if separator is None:
            at = str.find(text, piece, at)
        yield text[at : at + len(piece)]
        at += len(piece) + len(separator or "")
