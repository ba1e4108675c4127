"""Conversations to calibrate with, in the JSON that Qwen's training scripts read.

[{"id": "1", "conversations": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Hello!"}]}]
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from qwen_chat.errors import UsageError
from qwen_chat.message import Message

_SPEAKERS: dict[object, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}


def read_conversations(path: Path) -> list[list[Message]]:
    """Return the conversations of a file, each with one message or more.

    Raises: UsageError naming the entry, counted from 1, and its fault.
    """
    entries = _read_json(path)
    if not isinstance(entries, list) or not entries:
        raise UsageError(f'{path} must be a list: [{{"id": "1", "conversations": [...]}}, ...]')
    return [_parse_conversation(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def _read_json(path: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(path.read_bytes())
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: convert it, for example with iconv") from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path} is not JSON: {error.msg.lower()} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deep to be a list of conversations") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _parse_conversation(entry: object, where: str) -> list[Message]:
    turns = entry.get("conversations") if isinstance(entry, dict) else None
    if not isinstance(turns, list) or not turns:
        raise UsageError(f'{where}: "conversations" must be a list of {{"from": ..., "value": ...}}')
    messages = [_parse_message(turn, f"{where}, message {number}") for number, turn in enumerate(turns, 1)]
    for fault in _order_faults(messages):
        raise UsageError(f"{where}, {fault}")
    return messages


def _parse_message(turn: object, where: str) -> Message:
    if not isinstance(turn, dict):
        raise UsageError(f'{where} must be {{"from": ..., "value": ...}}')
    speaker, text = turn.get("from"), turn.get("value")
    role = _SPEAKERS.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        raise UsageError(f'{where}: "from" must be one of {", ".join(map(str, _SPEAKERS))}')
    if not isinstance(text, str) or (not text and role != "system"):
        raise UsageError(f'{where}: "value" must be a text that is not empty')
    return Message(role, text)


def _order_faults(messages: list[Message]) -> Iterator[str]:
    """Yield what is out of turn: after an optional system message, user and assistant alternate."""
    start = 1 if messages[0].role == "system" else 0
    if len(messages) == start:
        yield 'message 2: a message "from" the user is missing'
    for number, message in enumerate(messages[start:]):
        wanted = ("user", "assistant")[number % 2]
        if message.role != wanted:
            yield f'message {start + number + 1}: "from" must be {wanted} here, user and assistant take turns'
