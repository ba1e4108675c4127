"""A checkpoint's chat templates: one for all prompts, and maybe one for prompts with tools."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Thread
from typing import TYPE_CHECKING, Any

from qwen_chat.errors import ModelLoadError, PromptRefusedError
from qwen_chat.message import Message, Tool
from qwen_chat.model.templates.limits import StillWritingError
from qwen_chat.model.templates.marked import MarkedText, own
from qwen_chat.model.templates.values import message_values, tool_values
from qwen_chat.text import one_line

if TYPE_CHECKING:
    from qwen_chat.model.templates.environment import CompiledTemplate

DEFAULT, TOOL_USE = "default", "tool_use"
"""The names under which checkpoints keep their templates."""

_PROBE = "qwenchatprobe"
_MAX_REASON = 200


def used_text(sources: Mapping[str, str]) -> str:
    """Return the text of the templates that are used, to look for what they support."""
    return "\n".join(source for name, source in sources.items() if name in (DEFAULT, TOOL_USE))


class TemplateRefusalError(PromptRefusedError):
    """A template does not take a conversation."""


class EndlessTemplateError(TemplateRefusalError):
    """A template does not come to its end."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of what a template is given; not all of them take transformers' own.

    `content_parts`: each text is a list of one part, None for what the template is known to take.
    `arguments_text`: the arguments of tool calls are JSON text. `tools_list`: no tools are an empty list.
    """

    content_parts: bool | None = None
    arguments_text: bool = False
    tools_list: bool = False


def _forms(messages: Sequence[Message], tools: Sequence[Tool]) -> Iterator[Form]:
    """Yield the forms to try, transformers' own first."""
    yield Form()
    if any(message.tool_calls for message in messages):
        yield Form(arguments_text=True)
    if not tools:
        yield Form(tools_list=True)


class ChatTemplate:
    """Writes prompts with the templates of a checkpoint, by their names.

    `variables` are the names of special tokens, such as "bos_token".

    Raises: ModelLoadError for a template that cannot be read.
    """

    def __init__(self, sources: Mapping[str, str], variables: Mapping[str, str] | None = None) -> None:
        self._compiled = {
            name: _compile(source) for name, source in sources.items() if name in (DEFAULT, TOOL_USE)
        }
        self._variables = {name: own(text) for name, text in (variables or {}).items()}

    def write(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        options: Mapping[str, Any] | None = None,
    ) -> MarkedText:
        """Return the prompt for the next answer; `options` are further variables of the template.

        Raises: TemplateRefusalError.
        """
        refusal = None
        for form in _forms(messages, tools):
            try:
                return self._write(messages, tools, options or {}, form)
            except EndlessTemplateError:
                raise
            except TemplateRefusalError as error:
                refusal = refusal or error
        raise refusal or TemplateRefusalError("")

    def shows(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, content_parts: bool | None = None
    ) -> bool:
        """Return whether the template takes messages, and writes all their texts."""
        try:
            if content_parts is None:
                text = self.write(messages, tools)
            else:
                text = self._write(messages, tools, {}, Form(content_parts=content_parts))
        except TemplateRefusalError:
            return False
        return all(message.content in text for message in messages)

    @cached_property
    def _takes_parts_only(self) -> bool:
        """Whether a text must be given as a list with one part: a vision-language model's template."""
        question = [Message("user", _PROBE)]
        return not self.shows(question, content_parts=False) and self.shows(question, content_parts=True)

    def _write(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        options: Mapping[str, Any],
        form: "Form",
    ) -> MarkedText:
        parts = self._takes_parts_only if form.content_parts is None else form.content_parts
        template = self._compiled.get(TOOL_USE if tools else DEFAULT) or self._compiled[DEFAULT]
        values = {
            "messages": message_values(messages, content_parts=parts, arguments_text=form.arguments_text),
            "tools": [] if form.tools_list and not tools else tool_values(tools),
            "documents": None,
            "add_generation_prompt": True,
            **self._variables,
            **options,
        }
        try:
            return template.render(values)
        except StillWritingError as error:
            raise EndlessTemplateError(_refusal(error)) from None
        except Exception as error:  # noqa: BLE001 - a template is foreign code, which can fail in any way
            raise TemplateRefusalError(_refusal(error)) from None


def compile_in_background(sources: Mapping[str, str]) -> None:
    """Begin to compile templates in a thread, while an engine opens their checkpoint."""

    def work() -> None:
        with suppress(ModelLoadError):
            ChatTemplate(sources)

    Thread(target=work, name="chat-template", daemon=True).start()


@lru_cache(8)
def _compile(source: str) -> "CompiledTemplate":
    from jinja2 import TemplateError

    from qwen_chat.model.templates.environment import CompiledTemplate

    try:
        return CompiledTemplate(source)
    except (TemplateError, RecursionError, SyntaxError) as error:
        line = f"line {number}: " if (number := getattr(error, "lineno", None)) else ""
        raise ModelLoadError(
            f"the checkpoint's chat template is damaged ({line}{_reason(error)}): mend it, or use --raw"
        ) from None


def _refusal(error: Exception) -> str:
    return f"the checkpoint's chat template refuses this conversation: {_reason(error)}"


def _reason(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)[:_MAX_REASON]
