"""Messages -> segments for a GGUF checkpoint: plain ChatML where its template is that, else its template.

A template sees placeholders instead of what people wrote, so that a control token can only come from
the template itself.
"""

import re
import secrets
from collections.abc import Callable, Sequence

from qwen_chat import chatml
from qwen_chat.chatml import Segment
from qwen_chat.errors import ModelError
from qwen_chat.message import Message

Template = Callable[[list[dict[str, str]]], str]
"""Renders messages with roles and contents into one string."""

_PROBE = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))


def switches(think: str) -> dict[str, bool]:
    """Return what tells a template of Qwen3's kind whether the model is to reason; auto leaves it alone."""
    return {} if think == "auto" else {"enable_thinking": think == "on"}


class PromptFormat:
    """How a checkpoint wants its prompt written; `raw` gives it the bare texts, as base models want them."""

    def __init__(
        self,
        template: Template | None,
        split_control: Callable[[str], list[Segment]],
        default_system: str | None = None,
        *,
        raw: bool = False,
    ) -> None:
        self._raw = raw
        self._template = template
        self._split_control = split_control
        own = _default_system(template) if template and not raw else ""
        self.is_chatml = template is None or _speaks_chatml(template, own)
        self.default_system = own if default_system is None or raw else default_system

    def segments(self, messages: Sequence[Message]) -> list[Segment]:
        """Return the prompt that asks for the next answer.

        Raises: ModelError when the template refuses these messages.
        """
        if self._raw:
            return [Segment(message.content) for message in messages if message.content]
        messages = self._with_system(messages)
        if self._template is not None and not self.is_chatml:
            return self._filled(self._template, messages)
        return chatml.segments(messages)

    def _with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Add the default system prompt where none is given; an empty one stands for none at all."""
        if not messages or messages[0].role != "system":
            return [Message("system", self.default_system), *messages] if self.default_system else messages
        return messages if messages[0].content else messages[1:]

    def _filled(self, template: Template, messages: Sequence[Message]) -> list[Segment]:
        nonce = secrets.token_hex(8)
        contents = {f"{nonce}x{number}x": message.content for number, message in enumerate(messages)}
        holes = [{"role": m.role, "content": hole} for m, hole in zip(messages, contents, strict=True)]
        parts: list[Segment] = []
        for piece in re.split(f"({nonce}x[0-9]+x)", template(holes)):
            parts += [Segment(contents[piece])] if piece in contents else self._split_control(piece)
        return parts


def _default_system(template: Template) -> str:
    """Return the system prompt a template puts before a conversation that has none."""
    nonce = secrets.token_hex(8)
    try:
        text = template([{"role": "user", "content": nonce}])
    except ModelError:
        return ""
    head = (
        re.escape(f"{chatml.IM_START}system\n")
        + "(.*?)"
        + re.escape(f"{chatml.IM_END}\n{chatml.IM_START}user")
    )
    match = re.match(head, text, re.DOTALL)
    return match[1] if match else ""


def _speaks_chatml(template: Template, default_system: str) -> bool:
    """Whether a template writes plain ChatML, with a system prompt and without one."""
    system = [Message("system", "s")]
    default = [Message("system", default_system)] if default_system else []
    return _renders(template, [*system, *_PROBE], [*system, *_PROBE]) and _renders(
        template, [*_PROBE], [*default, *_PROBE]
    )


def _renders(template: Template, given: Sequence[Message], meant: Sequence[Message]) -> bool:
    try:
        text = template([{"role": message.role, "content": message.content} for message in given])
    except ModelError:
        return False
    return text == chatml.as_text(chatml.segments(meant))
