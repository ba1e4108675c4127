"""Joins the deltas of an answer into a message."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from qwen_chat.message import Delta, Message, ToolCall, ToolCallPiece


def extend_message(message: Message, deltas: Sequence[Delta]) -> Message:
    """Return a message with the text, reasoning and tool calls of deltas at its end."""
    pieces = (piece for delta in deltas for piece in delta.tool_calls)
    return replace(
        message,
        content=message.content + join_text(deltas),
        reasoning=message.reasoning + join_reasoning(deltas),
        tool_calls=(*message.tool_calls, *join_tool_calls(pieces)),
    )


def join_text(deltas: Iterable[Delta]) -> str:
    """Return the text of deltas."""
    return "".join(delta.text for delta in deltas)


def join_reasoning(deltas: Iterable[Delta]) -> str:
    """Return the reasoning of deltas."""
    return "".join(delta.reasoning for delta in deltas)


def join_tool_calls(pieces: Iterable[ToolCallPiece]) -> tuple[ToolCall, ...]:
    """Return the tool calls that pieces make, in the order of their indexes."""
    calls: dict[int, ToolCall] = {}
    for piece in pieces:
        call = calls.get(piece.index, ToolCall("", "", ""))
        calls[piece.index] = ToolCall(
            call.id + piece.id, call.name + piece.name, call.arguments + piece.arguments
        )
    return tuple(calls[index] for index in sorted(calls))


def replace_surrogates(delta: Delta) -> Delta:
    """Return a delta without halves of surrogate pairs, which servers send and stores refuse."""
    return replace(
        delta,
        text=_to_unicode(delta.text),
        reasoning=_to_unicode(delta.reasoning),
        tool_calls=tuple(
            replace(
                piece,
                id=_to_unicode(piece.id),
                name=_to_unicode(piece.name),
                arguments=_to_unicode(piece.arguments),
            )
            for piece in delta.tool_calls
        ),
    )


def _to_unicode(text: str) -> str:
    return text.encode(errors="replace").decode()
