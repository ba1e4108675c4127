"""ChatML, the prompt format of the Qwen family; the one file that writes <|im_start|>.

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
    """A stretch of a prompt: plain text, or one control token by its name."""

    text: str
    control: bool = False


def segments(messages: Sequence[Message]) -> list[Segment]:
    """Return the prompt that asks for the next answer, in the pieces the original encodes apart.

    Only what this function writes is a control token: a message's own `<|im_end|>` stays text.
    """
    parts = [segment for message in messages for segment in _message(message)]
    return [*parts, Segment(IM_START, control=True), Segment("assistant"), Segment("\n")]


def joined(parts: Iterable[Segment]) -> Iterator[Segment]:
    """Join neighbouring texts, as tokenizers see them that read the prompt as one string."""
    for control, run in groupby(parts, key=lambda segment: segment.control):
        if control:
            yield from run
        elif text := "".join(segment.text for segment in run):
            yield Segment(text)


def as_text(parts: Iterable[Segment]) -> str:
    """Return the prompt as one string, to compare with a checkpoint's template; never to be tokenized."""
    return "".join(segment.text for segment in parts)


def _message(message: Message) -> Iterator[Segment]:
    yield Segment(IM_START, control=True)
    yield Segment(message.role)
    yield Segment("\n")
    yield Segment(message.content)
    yield Segment(IM_END, control=True)
    yield Segment("\n")
