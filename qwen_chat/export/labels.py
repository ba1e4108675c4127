"""What every readable export shows of a message: its author, time, text, and how it ended."""

from qwen_chat.files.fenced import fence, full_text
from qwen_chat.history import Node
from qwen_chat.message import Message, MessageRole

NAMES: dict[MessageRole, str] = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


def shown_text(message: Message) -> str:
    """Return the text of a message with its files before it and its tool calls after it."""
    calls = (f"{call.name}:\n{fence(call.arguments, 'json')}" for call in message.tool_calls)
    return "\n\n".join(filter(None, (full_text(message), *calls)))


def describe_ending(node: Node) -> str:
    """Return the finish reason of an answer, "" where the model ended it."""
    finish = node.answer.finish_reason if node.answer else None
    return finish if finish and finish != "stop" else ""
