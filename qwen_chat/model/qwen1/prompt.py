"""Renders the exact prompt of first-generation Qwen's chat models: ChatML, each text encoded separately.

Source: `make_context` in Qwen's original `qwen_generation_utils.py`.
"""

from collections.abc import Sequence
from unicodedata import normalize

from qwen_chat.errors import ModelLoadError
from qwen_chat.message import Message
from qwen_chat.model import chatml
from qwen_chat.model.chatml import IM_END, IM_START, Segment
from qwen_chat.model.qwen1.tokenization import END_OF_TEXT, RANK_FILE, QWenTokenizer

DEFAULT_SYSTEM = "You are a helpful assistant."


def encode(
    tokenizer: QWenTokenizer, messages: Sequence[Message], max_window_size: int | None = None
) -> list[int]:
    """Return the token ids of the prompt for the next answer.

    Without a system message, Qwen's default is added; an empty one is written, too. With `max_window_size`,
    only the newest whole turns are kept whose tokens, counted with the system message but without the last
    turn, are fewer; the last turn is always kept.
    """
    if not messages or messages[0].role != "system":
        messages = [Message("system", DEFAULT_SYSTEM), *messages]
    blocks = [[id for part in block for id in encode_segment(tokenizer, part)] for block in _blocks(messages)]
    start = 1 if max_window_size is None else _first_kept(messages, blocks, max_window_size)
    return [id for block in [blocks[0], *blocks[start:]] for id in block]


def stop_ids(tokenizer: QWenTokenizer) -> tuple[int, ...]:
    """Return the token ids that end an answer: `<|endoftext|>`, `<|im_end|>` and `<|im_start|>`."""
    return tuple(_control_id(tokenizer, name) for name in (END_OF_TEXT, IM_END, IM_START))


def _blocks(messages: Sequence[Message]) -> list[list[Segment]]:
    """Return the segments of each message, and those that begin the answer."""
    blocks: list[list[Segment]] = []
    for segment in chatml.segments(messages):
        if segment == Segment(IM_START, control=True):
            blocks.append([])
        blocks[-1].append(segment)
    return blocks


def encode_segment(tokenizer: QWenTokenizer, segment: Segment) -> list[int]:
    """Return the token ids of one segment."""
    if segment.control:
        return [_control_id(tokenizer, segment.text)]
    # As in the original, Python normalizes: tokenizers' older Unicode tables order some marks differently.
    text = normalize("NFC", segment.text)
    ids: list[int] = tokenizer.encode(
        text, add_special_tokens=False, split_special_tokens=True, verbose=False
    )
    return ids


def _control_id(tokenizer: QWenTokenizer, name: str) -> int:
    id = tokenizer.convert_tokens_to_ids(name)
    if isinstance(id, int):
        return id
    raise ModelLoadError(f"the checkpoint's tokenizer.json has no {name}: fetch {RANK_FILE} in its place")


def _first_kept(messages: Sequence[Message], blocks: Sequence[Sequence[int]], window: int) -> int:
    """Return the index of the first message after the system message to keep."""
    turns = [i for i in range(1, len(messages)) if i == 1 or messages[i].role == "user"] or [1]
    # The original counts the line end after the system message with the turn, not with the message.
    room = window - (len(blocks[0]) - 1)
    kept = end = turns[-1]
    for start in reversed(turns[:-1]):
        room -= sum(len(block) for block in blocks[start:end])
        if room <= 0:
            break
        kept = end = start
    return kept
