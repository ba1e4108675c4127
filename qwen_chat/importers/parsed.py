"""Conversations of other programs as values, and readers for the fields of their JSON."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from qwen_chat.files.validation import Meta, convert, fits
from qwen_chat.message import Attachment, FinishReason, MessageRole, Usage

_MILLISECONDS = 1e11
"""Times beyond this, which is the year 5138 in seconds, are in milliseconds."""

_NANOSECONDS = 1e17
"""Times beyond this are in nanoseconds."""

_END_OF_TIME = 253_000_000_000
_Time = Annotated[float, Meta(ge=0, lt=_END_OF_TIME * 1_000_000_000)]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


@dataclass(slots=True)
class ParsedMessage:
    """A message of another program's tree; `created` is in seconds since the epoch."""

    id: str
    parent: str | None
    role: MessageRole
    content: str = ""
    reasoning: str = ""
    created: float | None = None
    model: str = ""
    finish: FinishReason = "stop"
    usage: Usage | None = None
    attachments: tuple[Attachment, ...] = ()
    continues_answer: bool = False
    """Whether it is a part of the answer before it: a tool call, a tool result, more text."""


@dataclass(frozen=True, slots=True)
class ParsedConversation:
    """A conversation of another program; `head` is the last message of the branch in view."""

    title: str
    messages: list[ParsedMessage]
    head: str | None = None
    system: str = ""
    """A system prompt that is not one of the messages."""
    notes: list[str] = field(default_factory=list)
    """Lines about what was guessed, rebuilt or left out."""


def text_of(value: object, name: str) -> str:
    """Return a text, "" for null; the halves of surrogate pairs in some exports become U+FFFD.

    Raises: ValueError.
    """
    text = "" if value is None else convert(value, str, name)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def object_of(value: object, name: str) -> dict[str, Any]:
    """Return an object, an empty one for null.

    Raises: ValueError.
    """
    return {} if value is None else convert(value, dict[str, Any], name)


def list_of(value: object, name: str) -> list[Any]:
    """Return a list, an empty one for null.

    Raises: ValueError.
    """
    return [] if value is None else convert(value, list[Any], name)


def time_of(value: object) -> float | None:
    """Return a time in seconds since the epoch, or None for what is none.

    The value may be a number of seconds, milliseconds or nanoseconds, also as text, or a date as in ISO 8601.
    """
    if isinstance(value, str):
        return _time_of_text(value.strip())
    if not fits(value, _Time) or value != value:  # noqa: PLR0124 - it is not a number
        return None
    seconds = convert(value, float)
    for limit in (_NANOSECONDS, _MILLISECONDS):
        if seconds > limit:
            return seconds / (1e9 if limit == _NANOSECONDS else 1000)
    return seconds


def _time_of_text(text: str) -> float | None:
    try:
        return time_of(float(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def count_of(value: object) -> int:
    """Return a number of tokens, 0 for any other value."""
    return convert(value, int) if fits(value, _Count) else 0


def placeholder(kind: str, name: str = "") -> str:
    """Return the text that stands for a part that is not text."""
    return f"[{kind}: {' '.join(name.split())}]" if name.strip() else f"[{kind}]"
