"""Renders messages as prompt segments: plain ChatML if that is what a checkpoint's template writes.

Otherwise the template renders them. It sees placeholders instead of what people wrote, so that a control
token can only come from the template itself.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from qwen_chat.errors import ModelError
from qwen_chat.message import Message
from qwen_chat.model import chatml
from qwen_chat.model.base import PLAIN, Capabilities, PromptOptions
from qwen_chat.model.chatml import Segment, merge_text
from qwen_chat.model.reasoning import CLOSE, OPEN, ReasoningSplitter, make_splitter
from qwen_chat.model.template_messages import TemplateMessages

Template = Callable[[list[dict[str, Any]], PromptOptions], str]
"""Renders messages in OpenAI's form, with tool arguments as objects, into one string."""

_PROBE = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))


def thinking_variables(options: PromptOptions) -> dict[str, bool]:
    """Return the template variables that switch the reasoning of Qwen3; none for "auto"."""
    return {} if options.think == "auto" else {"enable_thinking": options.think == "on"}


def local_capabilities(
    template: str | None, *, raw: bool, batching: bool = False, output: bool = False
) -> Capabilities:
    """Return what a model that runs here can do with a chat template."""
    template = template or ""
    tools, thinking = "tools" in template and not raw, OPEN in template
    return Capabilities(
        tokens=True,
        tools=tools,
        thinking=thinking,
        logprobs=True,
        batching=batching,
        output=output,
        completion=output,
    )


class PromptFormat:
    """Renders prompts in a checkpoint's own format; `raw` gives the bare texts, which base models expect."""

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
        self.is_chatml = template is None or _writes_chatml(template, own)
        self.default_system = own if default_system is None or raw else default_system

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt for the next answer.

        Raises: ModelError when the template refuses these messages, or there is no template for tools.
        """
        return list(merge_text(self._render(messages, options)))

    def render_answer(self, answer: Message, *, reasoning_open: bool) -> list[Segment]:
        """Return what a model writes to give an answer; `reasoning_open` if the prompt opens the tag."""
        if not answer.reasoning:
            return [Segment(answer.content)] if answer.content else []
        opening = [] if reasoning_open else self._split_control(f"{OPEN}\n")
        parts = [*opening, Segment(answer.reasoning)]
        if answer.content:
            parts += [*self._split_control(f"\n{CLOSE}\n\n"), Segment(answer.content)]
        return parts

    def _render(self, messages: Sequence[Message], options: PromptOptions) -> list[Segment]:
        if self._raw:
            return [Segment(message.content) for message in messages if message.content]
        messages = self._with_system(messages)
        has_tools = bool(options.tools) or any(_is_about_tools(message) for message in messages)
        if self._template is not None and (has_tools or not self.is_chatml or options.is_for_template):
            return self._render_template(self._template, messages, options)
        if has_tools:
            raise ModelError("this checkpoint has no chat template, so its prompts cannot describe tools")
        return chatml.segments(messages)

    def _with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Add the default system prompt where there is none; remove an empty one, which stands for none."""
        if not messages or messages[0].role != "system":
            return [Message("system", self.default_system), *messages] if self.default_system else messages
        return messages if messages[0].content else messages[1:]

    def _render_template(
        self, template: Template, messages: Sequence[Message], options: PromptOptions
    ) -> list[Segment]:
        self._reject_control_tokens(options)
        entries = TemplateMessages(messages)
        return entries.fill(template(entries.messages, options), self._split_control)

    def _reject_control_tokens(self, options: PromptOptions) -> None:
        """Raise ModelError for a tool that holds a control token: the template writes tools unchanged."""
        for tool in options.tools:
            text = json.dumps(tool.as_json(), ensure_ascii=False)
            if found := next((part.text for part in self._split_control(text) if part.control), None):
                raise ModelError(f"the tool {tool.name!r} holds a control token of this model: {found}")


def _is_about_tools(message: Message) -> bool:
    return bool(message.tool_calls) or message.role == "tool"


@dataclass(frozen=True, slots=True)
class PreparedPrompt:
    """A conversation as a model reads it: the prompt, and the partial answer that the model continues.

    `reasoning_open` says that the prompt opens the reasoning; `partial_segments` is the partial answer as the
    model would have written it.
    """

    segments: list[Segment]
    splitter: ReasoningSplitter
    reasoning_open: bool = False
    partial_answer: Message | None = None
    partial_segments: tuple[Segment, ...] = ()


class SegmentRenderer(Protocol):
    """Renders prompts and answers as a checkpoint expects them."""

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt for the next answer."""

    def render_answer(self, answer: Message, *, reasoning_open: bool) -> list[Segment]:
        """Return the text that a model writes to give an answer."""


def prepare_prompt(
    renderer: SegmentRenderer,
    messages: Sequence[Message],
    options: PromptOptions = PLAIN,
    *,
    thinks: bool,
) -> PreparedPrompt:
    """Return the prompt of a conversation, and the partial answer that it ends with, if it does.

    Raises: ModelError when the template refuses these messages.
    """
    partial = messages[-1] if messages and messages[-1].role == "assistant" else None
    segments = renderer.segments(messages[:-1] if partial else messages, options)
    # The tag may be a control token, with the end of its line after it.
    reasoning_open = "".join(segment.text for segment in segments[-2:]).rstrip().endswith(OPEN)
    answer = renderer.render_answer(partial, reasoning_open=reasoning_open) if partial else []
    splitter = make_splitter(partial, thinks=thinks, reasoning_open=reasoning_open)
    return PreparedPrompt(segments, splitter, reasoning_open, partial, tuple(merge_text(answer)))


def _default_system(template: Template) -> str:
    """Return the system prompt that a template adds to a conversation that has none."""
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


def _writes_chatml(template: Template, default_system: str) -> bool:
    """Return whether a template writes plain ChatML, with a system prompt and without one."""
    system = [Message("system", "s")]
    default = [Message("system", default_system)] if default_system else []
    return _writes_same(template, [*system, *_PROBE], [*system, *_PROBE]) and _writes_same(
        template, [*_PROBE], [*default, *_PROBE]
    )


def _writes_same(template: Template, given: Sequence[Message], expected: Sequence[Message]) -> bool:
    try:
        text = template([{"role": message.role, "content": message.content} for message in given], PLAIN)
    except ModelError:
        return False
    return text == chatml.as_text(chatml.segments(expected))
