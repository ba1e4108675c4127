"""Messages in the form that chat templates expect, which is OpenAI's, with placeholders for their texts.

A template renders placeholders instead of texts, so that no text can become a control token.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from qwen_chat.message import Message, ToolCall
from qwen_chat.model.chatml import Segment


class TemplateMessages:
    """The messages of one prompt, and the texts that their placeholders stand for."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._nonce = secrets.token_hex(8)
        self._texts: list[str] = []
        self._json_texts: set[str] = set()
        self.messages = [self._message(message) for message in messages]

    def fill(self, rendered: str, split_control: Callable[[str], list[Segment]]) -> list[Segment]:
        """Return what a template rendered as segments, with the texts in place of their placeholders."""
        parts: list[Segment] = []
        for piece in re.split(f'("?{self._nonce}x[0-9]+x"?)', rendered):
            found = re.fullmatch(f'("?)({self._nonce}x([0-9]+)x)("?)', piece)
            if found is None:
                parts += split_control(piece) if piece else []
            else:
                parts.append(Segment(self._text(*found.groups())))
        return parts

    def _text(self, before: str, placeholder: str, number: str, after: str) -> str:
        text = self._texts[int(number)]
        if placeholder in self._json_texts and before and after:
            return json.dumps(text, ensure_ascii=False)
        return f"{before}{text}{after}"

    def _message(self, message: Message) -> dict[str, Any]:
        entry: dict[str, Any] = {"role": message.role, "content": self._placeholder(message.content)}
        if message.tool_calls:
            entry["tool_calls"] = [self._tool_call(call) for call in message.tool_calls]
        if message.role == "tool":
            entry["tool_call_id"] = self._placeholder(message.tool_call_id)
            entry["name"] = self._placeholder(message.name)
        return entry

    def _tool_call(self, call: ToolCall) -> dict[str, Any]:
        function = {"name": self._json_placeholder(call.name), "arguments": self._arguments(call.arguments)}
        return {"type": "function", "id": self._placeholder(call.id), "function": function}

    def _arguments(self, text: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return arguments as a value; text that is not a JSON object stays text."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        return self._json_value(value) if isinstance(value, dict) else self._json_placeholder(text)

    def _json_value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, str):
            return self._json_placeholder(value)
        if isinstance(value, list):
            return [self._json_value(each) for each in value]
        if isinstance(value, dict):
            return {self._json_placeholder(key): self._json_value(each) for key, each in value.items()}
        return value

    def _json_placeholder(self, text: str) -> str:
        """Return a placeholder whose text is escaped where a template writes it as JSON, within quotes."""
        placeholder = self._placeholder(text)
        self._json_texts.add(placeholder)
        return placeholder

    def _placeholder(self, text: str) -> str:
        self._texts.append(text)
        return f"{self._nonce}x{len(self._texts) - 1}x"
