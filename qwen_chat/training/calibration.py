"""Reads the conversations to calibrate with, in the JSON that Qwen's training scripts read.

[{"id": "1", "conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello!"}]}]
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_bytes
from qwen_chat.files.json import JsonSyntaxError, parse_json
from qwen_chat.files.validation import InvalidValueError, Struct, convert, struct_field
from qwen_chat.message import Message

T = TypeVar("T")

_MAX_BYTES = 512 * 2**20


class _Turn(Struct):
    speaker: Literal["system", "user", "assistant"] = struct_field(name="from")
    value: str


class _Entry(Struct):
    conversations: list[Any]


def read_conversations(path: Path) -> list[list[Message]]:
    """Return the conversations of a file, each with one message or more.

    Raises: UsageError that names the entry, counted from 1, and its fault.
    """
    entries = _parse_file(path)
    if not isinstance(entries, list) or not entries:
        raise UsageError(f'{path} must be a list: [{{"id": "1", "conversations": [...]}}, ...]')
    return [_convert_entry(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def _parse_file(path: Path) -> object:
    try:
        return parse_json(read_bytes(path, _MAX_BYTES, "calibrate with fewer conversations"))
    except JsonSyntaxError as error:
        raise UsageError(f"{path} is {error}") from None


def _convert_entry(value: object, where: str) -> list[Message]:
    turns = _convert(value, _Entry, where).conversations
    if not turns:
        raise UsageError(f'{where}: "conversations" must be a list of {{"from": ..., "value": ...}}')
    messages = [_convert_turn(turn, f"{where}, message {number}") for number, turn in enumerate(turns, 1)]
    for fault in _order_faults(messages):
        raise UsageError(f"{where}, {fault}")
    return messages


def _convert_turn(value: object, where: str) -> Message:
    turn = _convert(value, _Turn, where)
    if not turn.value and turn.speaker != "system":
        raise UsageError(f"{where}: 'value' must not be empty")
    return Message(turn.speaker, turn.value)


def _convert(value: object, type: type[T], where: str) -> T:
    try:
        return convert(value, type)
    except InvalidValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _order_faults(messages: list[Message]) -> Iterator[str]:
    """Yield faults in the order: after an optional system message, user and assistant must alternate."""
    start = 1 if messages[0].role == "system" else 0
    if len(messages) == start:
        yield 'message 2: a message "from" the user is missing'
    for number, message in enumerate(messages[start:]):
        wanted = ("user", "assistant")[number % 2]
        if message.role != wanted:
            yield f'message {start + number + 1}: "from" must be {wanted} here, user and assistant take turns'
