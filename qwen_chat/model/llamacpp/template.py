"""Leaves reasoning to the chat template where nobody chose; llama.cpp alone would always choose."""

import json
from collections.abc import Sequence
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


def arguments_as_text(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with the arguments of tool calls as JSON text, which llama.cpp expects."""
    return [
        {**message, "tool_calls": [_call_as_text(call) for call in message["tool_calls"]]}
        if "tool_calls" in message
        else message
        for message in messages
    ]


def _call_as_text(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "function": {**function, "arguments": arguments}}
