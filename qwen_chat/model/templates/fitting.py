"""Fits a conversation to a template that takes questions and answers in turn only, or no system prompt.

A template that takes a conversation as it is gets it as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from qwen_chat import i18n
from qwen_chat.message import Message, Tool
from qwen_chat.model.templates.marked import MarkedText
from qwen_chat.model.templates.template import ChatTemplate, TemplateRefusalError

OPENING = "Hello."
"""What a person is made to say before a greeting, where a template begins with a question."""

_GAP = "\n\n"
_SYSTEM, _QUESTION, _LATER = "qwenchatsystem", "qwenchatquestion", "qwenchatlater"
_ANSWER, _MORE = "qwenchatanswer", "qwenchatmore"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a conversation needs before a template takes it."""

    fold_system: bool = False
    open: bool = False
    merge: bool = False


class FittingTemplate:
    """Writes prompts with a template, for any order of messages."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._known: dict[bool, Changes] = {}

    def write(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), options: dict[str, bool] | None = None
    ) -> tuple[MarkedText, tuple[str, ...]]:
        """Return the prompt for the next answer, and what a person is told about changes.

        Raises: TemplateRefusalError.
        """
        refusal = None
        for changes in self._attempts(tools):
            fitted = fit(messages, changes)
            try:
                return self._template.write(fitted, tools, options), tuple(_notices(messages, changes))
            except TemplateRefusalError as error:
                refusal = refusal or error
        raise refusal or TemplateRefusalError("")

    def _attempts(self, tools: Sequence[Tool]) -> Iterator[Changes]:
        """Yield what the template is known to need, then more."""
        known = self._needs(tools)
        yield known
        for fold, (opening, merge) in product((known.fold_system, True), ((False, True), (True, True))):
            yield Changes(fold, opening, merge)

    def _needs(self, tools: Sequence[Tool]) -> Changes:
        """Return what the template needs with tools, or without, as small conversations show."""
        key = bool(tools)
        if key not in self._known:
            self._known[key] = self._probe(tools)
        return self._known[key]

    def _probe(self, tools: Sequence[Tool]) -> Changes:
        """Return what the template needs; it may also leave out messages without a word."""
        shows, question = partial(self._template.shows, tools=tools), Message("user", _QUESTION)
        answer, later = Message("assistant", _ANSWER), Message("user", _LATER)
        if not shows([question]):
            return Changes()
        runs = [question, answer, Message("assistant", _MORE), later]
        return Changes(
            fold_system=not shows([Message("system", _SYSTEM), question]),
            open=not shows([answer, question]),
            merge=not (shows([question, later]) and shows(runs)),
        )


def without_empty(messages: Sequence[Message]) -> list[Message]:
    """Return messages without turns that say nothing; a system prompt and the last question stay."""
    last = len(messages) - 1
    return [
        message
        for number, message in enumerate(messages)
        if not message.is_empty or message.role == "system" or (number == last and message.role == "user")
    ]


def fit(messages: Sequence[Message], changes: Changes) -> list[Message]:
    """Return messages with some changes, where they need them."""
    fitted = [*messages]
    if changes.merge:
        fitted = [*fitted[:1], *(_as_question(message) for message in fitted[1:])]
    if changes.fold_system and fitted and fitted[0].role == "system":
        fitted = _fold_system(fitted[0].content, fitted[1:])
    if changes.open and (at := _greeting(fitted)) is not None:
        fitted.insert(at, Message("user", OPENING))
    return _merge_runs(fitted) if changes.merge else fitted


def _as_question(message: Message) -> Message:
    """Return a later system message as part of the questions."""
    return Message("user", message.content) if message.role == "system" else message


def _fold_system(system: str, messages: list[Message]) -> list[Message]:
    if not system:
        return messages
    if messages and messages[0].role == "user":
        first = replace(messages[0], content=f"{system}{_GAP}{messages[0].content}")
        return [first, *messages[1:]]
    return [Message("user", system), *messages]


def _greeting(messages: Sequence[Message]) -> int | None:
    """Return where a greeting stands, if the conversation begins with one."""
    at = 1 if messages and messages[0].role == "system" else 0
    return at if len(messages) > at and messages[at].role == "assistant" else None


def _merge_runs(messages: Sequence[Message]) -> list[Message]:
    merged: list[Message] = []
    for message in messages:
        is_next = merged and merged[-1].role == message.role and message.role in ("user", "assistant")
        merged[-1:] = [_merge(merged[-1], message)] if is_next else [*merged[-1:], message]
    return merged


def _merge(first: Message, second: Message) -> Message:
    content = _GAP.join(message.content for message in (first, second) if message.content)
    return replace(second, content=content, tool_calls=first.tool_calls + second.tool_calls)


def _notices(messages: Sequence[Message], changes: Changes) -> Iterator[str]:
    if fit(messages, replace(changes, open=False, merge=False)) != messages:
        yield i18n.Text("notice.system_folded")
    if changes.open and _greeting(messages) is not None:
        yield i18n.Text("notice.opening_added")
    if changes.merge and _merge_runs(messages) != messages:
        yield i18n.Text("notice.turns_merged")
