"""The system prompt that a chat template adds by itself."""

from collections.abc import Sequence

from qwen_chat.message import Message
from qwen_chat.model.chatml import IM_END, IM_START
from qwen_chat.model.templates.marked import MarkedText
from qwen_chat.model.templates.template import ChatTemplate, TemplateRefusalError

_SYSTEM, _QUESTION = "qwenchatsystem", Message("user", "qwenchatquestion")
_EMPTY_BLOCK = f"{IM_START}system\n{IM_END}\n"


def find_default_system(template: ChatTemplate) -> str:
    """Return the system prompt that a template adds to a conversation that has none.

    What it adds besides, such as the date, is no system prompt: given as a message, it would stand twice.
    """
    try:
        given = template.write([Message("system", _SYSTEM), _QUESTION])
        bare = template.write([_QUESTION])
        default = _difference(given, bare)
        return default if default and template.write([Message("system", default), _QUESTION]) == bare else ""
    except TemplateRefusalError:
        return ""


def without_empty_block(text: MarkedText, messages: Sequence[Message]) -> MarkedText:
    """Return a prompt without the ChatML block of an empty system prompt."""
    is_empty = bool(messages) and messages[0].role == "system" and not messages[0].content
    return text.removeprefix(_EMPTY_BLOCK) if is_empty else text


def _difference(given: str, bare: str) -> str:
    """Return what stands in a bare prompt where the system prompt stands in one that has it."""
    head, found, tail = str.partition(given, _SYSTEM)
    fits = found and bare.startswith(head) and bare.endswith(tail) and len(bare) > len(head) + len(tail)
    return "".join(str.__iter__(bare))[len(head) : len(bare) - len(tail)] if fits else ""
