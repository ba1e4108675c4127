"""Fits a conversation to a template that takes questions and answers in turn only, or no system prompt.

A template that takes a conversation as it is gets it as it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from qwen_chat import i18n
from qwen_chat.message import Message, Tool
from qwen_chat.model.chatml import IM_END, IM_START
from qwen_chat.model.templates.marked import MarkedText, join_texts
from qwen_chat.model.templates.template import ChatTemplate, EndlessTemplateError, TemplateRefusalError

OPENING = "Hello."
"""What a person is made to say before a greeting, where a template begins with a question."""

_OPENING_TURN = f"{IM_START}user\n{OPENING}{IM_END}\n"
"""The same as ChatML, which can do without."""

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
        if all(message.role == "system" for message in messages):
            return self._write_start(messages, tools, options)
        return self._write_turns(messages, tools, options)

    def _write_start(
        self, messages: Sequence[Message], tools: Sequence[Tool], options: dict[str, bool] | None
    ) -> tuple[MarkedText, tuple[str, ...]]:
        """Return the prompt of a conversation without turns, for which many templates look for a question."""
        if not self._needs(tools).fold_system:
            with suppress(TemplateRefusalError):
                return self._template.write(messages, tools, options), ()
        text, notices = self._write_turns([*messages, Message("user", OPENING)], tools, options)
        return join_texts(text.split(_OPENING_TURN)), notices

    def _write_turns(
        self, messages: Sequence[Message], tools: Sequence[Tool], options: dict[str, bool] | None
    ) -> tuple[MarkedText, tuple[str, ...]]:
        refusal = None
        for changes in self._attempts(tools):
            fitted, notices = fit(messages, changes)
            try:
                return self._template.write(fitted, tools, options), notices
            except EndlessTemplateError:
                raise
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


def fit(messages: Sequence[Message], changes: Changes) -> tuple[list[Message], tuple[str, ...]]:
    """Return messages with some changes, and what a person is told about those that were needed."""
    steps = (
        (changes.fold_system, _fold_system, i18n.Text("notice.system_folded")),
        (changes.open, _add_opening, i18n.Text("notice.opening_added")),
        (changes.merge, _merge_runs, i18n.Text("notice.turns_merged")),
    )
    fitted, notices = [*messages], list[str]()
    for _, step, notice in (step for step in steps if step[0]):
        before, fitted = fitted, step(fitted)
        if fitted != before:
            notices.append(notice)
    return fitted, tuple(notices)


def _fold_system(messages: list[Message]) -> list[Message]:
    """Return messages with the system prompt at the start of the first question."""
    if not messages or messages[0].role != "system":
        return messages
    system, rest = messages[0].content, messages[1:]
    if not system:
        return rest
    if rest and rest[0].role == "user":
        return [replace(rest[0], content=f"{system}{_GAP}{rest[0].content}"), *rest[1:]]
    return [Message("user", system), *rest]


def _add_opening(messages: list[Message]) -> list[Message]:
    """Return messages with words of the person before a greeting, if they begin with one."""
    at = 1 if messages and messages[0].role == "system" else 0
    if len(messages) <= at or messages[at].role != "assistant":
        return messages
    return [*messages[:at], Message("user", OPENING), *messages[at:]]


def _merge_runs(messages: list[Message]) -> list[Message]:
    """Return messages with neighbours of one role merged; a later system message is part of a question."""
    merged: list[Message] = []
    for given in messages:
        is_later = given.role == "system" and merged
        message = Message("user", given.content) if is_later else given
        is_next = merged and merged[-1].role == message.role and message.role in ("user", "assistant")
        merged[-1:] = [_merge(merged[-1], message)] if is_next else [*merged[-1:], message]
    return merged


def _merge(first: Message, second: Message) -> Message:
    content = _GAP.join(message.content for message in (first, second) if message.content)
    return replace(second, content=content, tool_calls=first.tool_calls + second.tool_calls)
