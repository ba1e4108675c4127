"""Conversations as files: the tree as JSON that is read back; a branch to read, to show or to learn from."""

from collections.abc import Callable

from qwen_chat.export.finetune_sample import to_qwen
from qwen_chat.export.html import to_html
from qwen_chat.export.json_tree import FORMAT, FORMATS, from_document, from_json, to_document, to_json
from qwen_chat.export.markdown import to_markdown
from qwen_chat.history import History

WRITERS: dict[str, Callable[[History], str]] = {
    "md": to_markdown,
    "json": to_json,
    "html": to_html,
    "qwen": to_qwen,
}
"""The formats by their names."""

SUFFIXES = {"md": "md", "markdown": "md", "json": "json", "html": "html", "htm": "html"}
"""What the end of a file's name says of its format."""

__all__ = [
    "FORMAT",
    "FORMATS",
    "SUFFIXES",
    "WRITERS",
    "from_document",
    "from_json",
    "to_document",
    "to_html",
    "to_json",
    "to_markdown",
    "to_qwen",
]
