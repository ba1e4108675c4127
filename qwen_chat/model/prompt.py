"""Renders messages as prompt segments: by a checkpoint's chat template, or as ChatML without one.

The template knows of each character whether somebody typed it, so that a control token can only come from
the template itself.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from qwen_chat.errors import PromptRefusedError
from qwen_chat.message import Delta, Message
from qwen_chat.model import chatml
from qwen_chat.model.base import PLAIN, Capabilities, Deltas, PromptOptions
from qwen_chat.model.chatml import Segment, merge_text
from qwen_chat.model.reasoning import ReasoningSplitter, make_splitter
from qwen_chat.model.reasoning_marks import THINK, ReasoningMarks, marks_of_template
from qwen_chat.model.templates.fitting import FittingTemplate, without_empty
from qwen_chat.model.templates.marked import MarkedText, runs
from qwen_chat.model.templates.system_prompt import find_default_system, without_empty_block
from qwen_chat.model.templates.template import ChatTemplate

_LAST_SEGMENTS = 6
"""A mark may be several control tokens with text between them."""


def thinking_variables(options: PromptOptions) -> dict[str, bool]:
    """Return the template variables that switch the reasoning of Qwen3; none for "auto"."""
    return {} if options.think == "auto" else {"enable_thinking": options.think == "on"}


def local_capabilities(
    template: str | None, *, raw: bool, batching: bool = False, output: bool = False
) -> Capabilities:
    """Return what a model that runs here can do with a chat template."""
    template = template or ""
    tools, thinking = "tools" in template and not raw, marks_of_template(template) is not None
    return Capabilities(
        tokens=True,
        tools=tools,
        thinking=thinking,
        logprobs=True,
        batching=batching,
        output=output,
        completion=output,
    )


_SMALL = (
    Message("system", "a"),
    Message("user", "b"),
    Message("assistant", "c"),
    Message("user", "d"),
)


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt in segments, and lines for the person about what the template needed."""

    segments: list[Segment]
    notices: tuple[str, ...] = ()


class PromptFormat:
    """Renders prompts in a checkpoint's own format; `raw` gives the bare texts, which base models expect."""

    def __init__(
        self,
        template: ChatTemplate | None,
        split_control: Callable[[str], Sequence[Segment]],
        default_system: str | None = None,
        *,
        raw: bool = False,
        marks: ReasoningMarks | None = None,
    ) -> None:
        self._raw = raw
        self.marks = marks
        """What the model writes its reasoning between; None for one that does not reason."""
        self._template = None if template is None or raw else FittingTemplate(template)
        self._split_control = split_control
        self._own_system = "" if template is None or raw else find_default_system(template)
        self.default_system = self._own_system if default_system is None or raw else default_system

    def render(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> RenderedPrompt:
        """Return the prompt for the next answer.

        Raises: ModelError when the template refuses these messages, or there is no template for tools.
        """
        parts, notices = self._render(messages, options)
        return RenderedPrompt(list(merge_text(parts)), notices)

    def segments(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Segment]:
        """Return the prompt for the next answer in segments, as `render` does."""
        return self.render(messages, options).segments

    def small_prompt(self) -> list[Segment]:
        """Return what the format writes for a small conversation, [] where it refuses it.

        Some templates build the names of control tokens from pieces, such as "<|" and a role.
        """
        with suppress(PromptRefusedError):
            return self.segments(_SMALL)
        return []

    def render_answer(self, answer: Message, *, reasoning_open: bool) -> list[Segment]:
        """Return what a model writes to give an answer; `reasoning_open` if the prompt opens the tag."""
        if not answer.reasoning:
            return [Segment(answer.content)] if answer.content else []
        marks = self.marks or THINK
        opening: Sequence[Segment] = [] if reasoning_open else self._split_control(marks.written_opening)
        parts = [*opening, Segment(answer.reasoning)]
        if answer.content:
            parts += [*self._split_control(marks.written_closing), Segment(answer.content)]
        return parts

    def _render(
        self, messages: Sequence[Message], options: PromptOptions
    ) -> tuple[list[Segment], tuple[str, ...]]:
        if self._raw:
            return [Segment(message.content) for message in messages if message.content], ()
        messages = self._with_system(without_empty(messages))
        if self._template is not None:
            text, notices = self._template.write(messages, options.tools, thinking_variables(options))
            return self._split(without_empty_block(text, messages)), notices
        if options.tools or any(_is_about_tools(message) for message in messages):
            raise PromptRefusedError(
                "this checkpoint has no chat template, so its prompts cannot describe tools"
            )
        return chatml.segments(messages), ()

    def _with_system(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Add the default system prompt where there is none, unless the template adds it.

        An empty one stands for none: a template that adds a default gets it, other prompts do without.
        """
        if not messages or messages[0].role != "system":
            added = self.default_system if self.default_system != self._own_system else ""
            return [Message("system", added), *messages] if added else messages
        return messages if messages[0].content or self._own_system else messages[1:]

    def _split(self, text: MarkedText) -> list[Segment]:
        """Split what a template wrote into control tokens and text."""
        return [
            segment
            for piece, is_own in runs(text)
            for segment in (self._split_control(piece) if is_own else (Segment(piece),))
        ]


def _is_about_tools(message: Message) -> bool:
    return bool(message.tool_calls) or message.role == "tool"


@dataclass(frozen=True, slots=True)
class PreparedPrompt:
    """A conversation as a model reads it: the prompt, and the partial answer that the model continues.

    `reasoning_open` says that the prompt opens the reasoning; `partial_segments` is the partial answer as the
    model would have written it. `notices` are lines for the person.
    """

    segments: list[Segment]
    splitter: ReasoningSplitter
    reasoning_open: bool = False
    partial_answer: Message | None = None
    partial_segments: tuple[Segment, ...] = ()
    notices: tuple[str, ...] = ()


class SegmentRenderer(Protocol):
    """Renders prompts and answers as a checkpoint expects them."""

    def render(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> RenderedPrompt:
        """Return the prompt for the next answer."""

    def render_answer(self, answer: Message, *, reasoning_open: bool) -> list[Segment]:
        """Return the text that a model writes to give an answer."""


def prepare_prompt(
    renderer: SegmentRenderer,
    messages: Sequence[Message],
    options: PromptOptions = PLAIN,
    *,
    marks: ReasoningMarks | None,
) -> PreparedPrompt:
    """Return the prompt of a conversation, and the partial answer that it ends with, if it does.

    Raises: ModelError when the template refuses these messages.
    """
    partial = messages[-1] if messages and messages[-1].role == "assistant" else None
    rendered = renderer.render(messages[:-1] if partial else messages, options)
    segments = rendered.segments
    # The tag may be a control token, with the end of its line after it.
    end = "".join(segment.text for segment in segments[-_LAST_SEGMENTS:]).rstrip()
    reasoning_open = end.endswith((marks or THINK).opening.rstrip())
    answer = renderer.render_answer(partial, reasoning_open=reasoning_open) if partial else []
    splitter = make_splitter(partial, marks, reasoning_open=reasoning_open)
    return PreparedPrompt(
        segments, splitter, reasoning_open, partial, tuple(merge_text(answer)), rendered.notices
    )


def announce(notices: tuple[str, ...], deltas: Deltas) -> Deltas:
    """Yield an answer, after lines for the person where there are some."""
    if notices:
        yield Delta(notices=notices)
    return (yield from deltas)
