"""Whether a model reasons first, left to its chat template where nobody chose: llama.cpp always chooses."""

from typing import Any

from qwen_chat.model.base import PromptOptions
from qwen_chat.model.prompt import switches

_UNCHOSEN = "qwen_chat_unchosen"
_PROLOGUE = (
    f"{{%- if {_UNCHOSEN} is defined %}}{{%- set enable_thinking = {_UNCHOSEN}_by_anyone %}}{{%- endif %}}"
)
"""Gives the switch the value of a name that has none, so that it counts as undefined."""


def openable(template: str | None) -> str | None:
    """Return a checkpoint's template as llama.cpp is to have it, or None where it may take it as it is."""
    return _PROLOGUE + template if template and "enable_thinking" in template else None


def told(options: PromptOptions) -> dict[str, Any]:
    """Return what the template is told besides the messages."""
    return switches(options) or {_UNCHOSEN: True}
