"""The chat templates of a GGUF checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.gguf import GgufInfo
from qwen_chat.model.templates.template import DEFAULT, ChatTemplate

_SPECIAL_TOKENS = ("bos_token", "eos_token")


def gguf_template(info: GgufInfo, path: Path, properties: Mapping[str, Any]) -> ChatTemplate | None:
    """Return the templates of a checkpoint, None for none; `properties` are those of its server.

    Raises: ModelLoadError for a template that cannot be read, or several without a default.
    """
    if not info.chat_templates:
        return None
    if DEFAULT not in info.chat_templates:
        names = ", ".join(info.chat_templates)
        raise ModelLoadError(f"{path} has chat templates, but none is named default: {names}; use --raw")
    special = {name: str(text) for name in _SPECIAL_TOKENS if (text := properties.get(name))}
    return ChatTemplate(info.chat_templates, special)
