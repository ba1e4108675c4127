"""ChatML, the prompt format of the Qwen family; no other file writes <|im_start|>.

Source: `make_context` in Qwen's original `qwen_generation_utils.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from qwen_chat.message import Message

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a prompt: plain text, or one control token by its name."""

    text: str
    control: bool = False


def segments(messages: Sequence[Message]) -> list[Segment]:
    """Return the prompt for the next answer, in the segments that the original code encodes separately.

    Only this function adds control tokens: a message's own `<|im_end|>` stays text.
    """
    parts = [segment for message in messages for segment in _message(message)]
    return [*parts, Segment(IM_START, control=True), Segment("assistant"), Segment("\n")]


def merge_text(parts: Iterable[Segment]) -> Iterator[Segment]:
    """Yield segments with neighbouring texts merged, for tokenizers that read a prompt as one string."""
    for control, run in groupby(parts, key=lambda segment: segment.control):
        if control:
            yield from run
        elif text := "".join(segment.text for segment in run):
            yield Segment(text)


def as_text(parts: Iterable[Segment]) -> str:
    """Return a prompt as one string to compare with a checkpoint's template; it must never be tokenized."""
    return "".join(segment.text for segment in parts)


def _message(message: Message) -> Iterator[Segment]:
    yield Segment(IM_START, control=True)
    yield Segment(message.role)
    yield Segment("\n")
    yield Segment(message.content)
    yield Segment(IM_END, control=True)
    yield Segment("\n")
