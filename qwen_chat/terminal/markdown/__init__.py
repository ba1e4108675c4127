"""Markdown as a terminal shows it while it is being written: whole lines become rows, once."""

from qwen_chat.terminal.markdown.blocks import Blocks

__all__ = ["Blocks"]
