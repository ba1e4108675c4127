"""A branch of a conversation as Markdown, to read and to paste elsewhere."""

from qwen_chat.export.labels import NAMES, ending, shown_text
from qwen_chat.history import History, Node
from qwen_chat.text import format_time


def to_markdown(history: History) -> str:
    """Return the branch in view for reading; what was said is not changed by a byte."""
    parts = [f"# {history.title or 'Conversation'}"]
    if history.system is not None and history.system.message.content:
        parts.append(_section(history.system))
    parts += [_section(node) for node in history.path()]
    return "\n\n".join(parts) + "\n"


def _section(node: Node) -> str:
    heading = " · ".join(filter(None, (NAMES[node.message.role], format_time(node.created), ending(node))))
    return f"## {heading}\n\n{shown_text(node.message)}"
