"""Exports the branch in view as Markdown."""

from qwen_chat.export.labels import NAMES, describe_ending, shown_text
from qwen_chat.history import History, Node
from qwen_chat.text import format_time


def to_markdown(history: History) -> str:
    """Return the branch in view as Markdown, with the text of each message unchanged."""
    parts = [f"# {history.title or 'Conversation'}"]
    if history.system is not None and history.system.message.content:
        parts.append(_section(history.system))
    parts += [_section(node) for node in history.path()]
    return "\n\n".join(parts) + "\n"


def _section(node: Node) -> str:
    heading = " · ".join(
        filter(None, (NAMES[node.message.role], format_time(node.created), describe_ending(node)))
    )
    return f"## {heading}\n\n{shown_text(node.message)}"
