"""Who spoke, when, and how it ended, as every page for people says it."""

from qwen_chat.history import Node
from qwen_chat.message import MessageRole

NAMES: dict[MessageRole, str] = {"system": "System", "user": "You", "assistant": "Assistant"}


def ending(node: Node) -> str:
    """Return why an answer ended where it did not end by itself."""
    finish = node.answer.finish_reason if node.answer else None
    return finish if finish and finish != "stop" else ""
