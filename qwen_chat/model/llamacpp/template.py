"""Leaves reasoning to the chat template where nobody chose; llama.cpp alone would always choose."""

from typing import Any

from qwen_chat.model.base import PromptOptions
from qwen_chat.model.prompt import thinking_variables

_UNCHOSEN = "qwen_chat_unchosen"
_PROLOGUE = (
    f"{{%- if {_UNCHOSEN} is defined %}}{{%- set enable_thinking = {_UNCHOSEN}_by_anyone %}}{{%- endif %}}"
)
"""Sets the switch to the value of an undefined name, so that it counts as undefined."""


def patch_template(template: str | None) -> str | None:
    """Return the template to give llama.cpp, or None where it may use the checkpoint's own unchanged."""
    return _PROLOGUE + template if template and "enable_thinking" in template else None


def template_variables(options: PromptOptions) -> dict[str, Any]:
    """Return what the template is given besides messages and tools."""
    return thinking_variables(options) or {_UNCHOSEN: True}
