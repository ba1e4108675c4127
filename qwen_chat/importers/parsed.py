"""What other programs' conversations are read as, before they become ours: messages with a parent each."""

from dataclasses import dataclass
from typing import Any

from qwen_chat.message import FinishReason, MessageRole, Usage

_MILLISECONDS = 1e11
"""What is later than this, in seconds the year 5138, is in milliseconds."""

_END_OF_TIME = 253_000_000_000


@dataclass(slots=True)
class Piece:
    """A message in its place in another program's tree; `created` is in seconds since the epoch."""

    id: str
    parent: str | None
    role: MessageRole
    content: str = ""
    reasoning: str = ""
    created: float | None = None
    model: str = ""
    finish: FinishReason = "stop"
    usage: Usage | None = None
    joins: bool = False
    """Whether it goes on with the answer before it: a call of a tool, what the tool said, more text."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversation of another program: `head` is the message that its branch in view ends with."""

    title: str
    pieces: list[Piece]
    head: str | None = None
    system: str = ""
    """A system prompt that stands beside the messages."""


def text_of(value: object, name: str) -> str:
    """Return a text, "" for null; halves of surrogate pairs, which some exports have, become U+FFFD.

    Raises: ValueError.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name!r} must be text")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def object_of(value: object, name: str) -> dict[str, Any]:
    """Return an object, an empty one for null.

    Raises: ValueError.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{name!r} must be an object")
    return value


def list_of(value: object, name: str) -> list[Any]:
    """Return a list, an empty one for null.

    Raises: ValueError.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{name!r} must be a list")
    return value


def time_of(value: object, name: str) -> float | None:
    """Return a time in seconds since the epoch, whichever of seconds and milliseconds it is given in.

    Raises: ValueError.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _END_OF_TIME * 1000:
        raise ValueError(f"{name!r} must be in seconds since 1970")
    return value / 1000 if value > _MILLISECONDS else float(value)


def count_of(value: object) -> int:
    """Return a number of tokens, 0 for what is none."""
    return value if type(value) is int and 0 <= value < 2**63 else 0


def placeholder(kind: str, name: str = "") -> str:
    """Return what stands in the text for something that is no text."""
    return f"[{kind}: {' '.join(name.split())}]" if name.strip() else f"[{kind}]"
