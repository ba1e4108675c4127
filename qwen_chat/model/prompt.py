"""Messages -> segments: plain ChatML where a checkpoint's template is that, else its template.

A template sees placeholders instead of what people wrote, so that a control token can only come from
the template itself.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from qwen_chat.errors import ModelError
from qwen_chat.message import Message
from qwen_chat.model import chatml
from qwen_chat.model.base import PLAIN, Capabilities, PromptOptions
from qwen_chat.model.chatml import Segment, joined
from qwen_chat.model.reasoning import CLOSE, OPEN, ReasoningSplitter, splitter

Template = Callable[[list[dict[str, str]], PromptOptions], str]
"""Renders messages with roles and contents into one string."""

_PROBE = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))


def switches(options: PromptOptions) -> dict[str, bool]:
    """Return what tells a template of Qwen3's kind whether the model is to reason; auto leaves it alone."""
    return {} if options.think == "auto" else {"enable_thinking": options.think == "on"}


def local_capabilities(template: str | None, *, raw: bool, batching: bool = False) -> Capabilities:
    """Return what a model that runs here can do with a chat template."""
    template = template or ""
    tools, thinking = "tools" in template and not raw, OPEN in template
    return Capabilities(tokens=True, tools=tools, thinking=thinking, logprobs=True, batching=batching)


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

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt that asks for the next answer.

        Raises: ModelError when the template refuses these messages, or there is none for tools.
        """
        return list(joined(self._parts(messages, options)))

    def _parts(self, messages: Sequence[Message], options: PromptOptions) -> list[Segment]:
        if self._raw:
            return [Segment(message.content) for message in messages if message.content]
        messages = self._with_system(messages)
        if self._template is not None and not (self.is_chatml and options == PLAIN):
            return self._filled(self._template, messages, options)
        if options.tools:
            raise ModelError("this checkpoint has no chat template, so nothing to write tools with")
        return chatml.segments(messages)

    def written(self, answer: Message, *, opened: bool) -> list[Segment]:
        """Return what a model writes to give this answer; `opened` when the prompt opens the reasoning."""
        if not answer.reasoning:
            return [Segment(answer.content)] if answer.content else []
        parts = [*([] if opened else self._split_control(f"{OPEN}\n")), Segment(answer.reasoning)]
        if answer.content:
            parts += [*self._split_control(f"\n{CLOSE}\n\n"), Segment(answer.content)]
        return parts

    def _with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Add the default system prompt where none is given; an empty one stands for none at all."""
        if not messages or messages[0].role != "system":
            return [Message("system", self.default_system), *messages] if self.default_system else messages
        return messages if messages[0].content else messages[1:]

    def _filled(
        self, template: Template, messages: Sequence[Message], options: PromptOptions
    ) -> list[Segment]:
        self._refuse_control(options)
        nonce = secrets.token_hex(8)
        contents = {f"{nonce}x{number}x": message.content for number, message in enumerate(messages)}
        holes = [{"role": m.role, "content": hole} for m, hole in zip(messages, contents, strict=True)]
        parts: list[Segment] = []
        for piece in re.split(f"({nonce}x[0-9]+x)", template(holes, options)):
            parts += [Segment(contents[piece])] if piece in contents else self._split_control(piece)
        return parts

    def _refuse_control(self, options: PromptOptions) -> None:
        """Let no tool bring in a control token: its words stand where the template writes its own."""
        for tool in options.tools:
            spelled = json.dumps(tool.as_json(), ensure_ascii=False)
            if found := next((part.text for part in self._split_control(spelled) if part.control), None):
                raise ModelError(f"the tool {tool.name!r} holds a control token of this model: {found}")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a conversation is read: the prompt, and the answer it ends with, which is gone on with.

    `begun` is that answer in segments; `opened` tells that the prompt opens the reasoning.
    """

    segments: list[Segment]
    splitter: ReasoningSplitter
    opened: bool = False
    before: Message | None = None
    begun: tuple[Segment, ...] = ()


class Format(Protocol):
    """How a checkpoint wants prompts written."""

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt that asks for the next answer."""

    def written(self, answer: Message, *, opened: bool) -> list[Segment]:
        """Return what a model writes to give this answer."""


def read(
    form: Format, messages: Sequence[Message], options: PromptOptions = PLAIN, *, thinks: bool
) -> Reading:
    """Part a conversation into the prompt and the answer that has begun.

    Raises: ModelError when the template refuses these messages.
    """
    before = messages[-1] if messages and messages[-1].role == "assistant" else None
    segments = form.segments(messages[:-1] if before else messages, options)
    # The tag may be a control token, with the end of its line after it.
    opened = "".join(segment.text for segment in segments[-2:]).rstrip().endswith(OPEN)
    begun = form.written(before, opened=opened) if before else []
    parting = splitter(before, thinks=thinks, opened=opened)
    return Reading(segments, parting, opened, before, tuple(joined(begun)))


def _default_system(template: Template) -> str:
    """Return the system prompt a template puts before a conversation that has none."""
    nonce = secrets.token_hex(8)
    try:
        text = template([{"role": "user", "content": nonce}], PLAIN)
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
        text = template([{"role": message.role, "content": message.content} for message in given], PLAIN)
    except ModelError:
        return False
    return text == chatml.as_text(chatml.segments(meant))
