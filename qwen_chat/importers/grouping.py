"""Puts the values of a file together that are one conversation."""

from typing import Any

from qwen_chat.importers import sharegpt, sillytavern


def group_lines(values: list[Any]) -> list[Any]:
    """Return the chats of a file: SillyTavern writes a line for each message, others a list of messages."""
    if len(values) > 1 and sillytavern.is_head(values[0]) and all(map(sillytavern.is_message, values[1:])):
        return [{**values[0], sillytavern.ENTRY: values[1:]}]
    if values and all(map(sillytavern.is_message, values)):
        return [{sillytavern.ENTRY: values}]
    return [{"messages": values}] if values and all(map(sharegpt.is_turn, values)) else values
