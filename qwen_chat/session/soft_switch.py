"""The soft switches of Qwen3: /think and /no_think in a message, which the model itself obeys."""

import re
from collections.abc import Sequence

from qwen_chat import i18n
from qwen_chat.files.fenced import full_text
from qwen_chat.history import Node
from qwen_chat.message import Think

_SWITCH = re.compile(r"(?<!\S)/(no_)?think(?!\S)")


def soft_switch(text: str) -> Think | None:
    """Return the last soft switch in a text, or None."""
    found = _SWITCH.findall(text)
    return ("off" if found[-1] else "on") if found else None


def soft_switch_notice(path: Sequence[Node], think: Think) -> list[str]:
    """Return a notice when the last question has a soft switch."""
    wanted = soft_switch(full_text(path[-1].message)) if path else None
    if wanted is None:
        return []
    if think == "off":
        return [i18n.Text("notice.soft_switch_ignored")]
    if wanted == "off":
        return [i18n.Text("notice.soft_switch_off")]
    return [i18n.Text("notice.soft_switch_on")]
