"""Chooses the turns that a model reads when the conversation does not fit its context.

The oldest whole turns are left out, never the system prompt. Once some are left out, about half of the
context stays free, so that the next turns share a prefix that an engine need not read again.
"""

from collections.abc import Sequence
from itertools import accumulate

from qwen_chat.errors import ContextLengthError
from qwen_chat.history import Node
from qwen_chat.message import Message
from qwen_chat.model.base import ChatModel, supports_tokens
from qwen_chat.session.attachments import inline_files

ANSWER_TOKENS = 1024
"""Room to keep for an answer that has no limit of its own, in tokens."""

_TOKENS_PER_MESSAGE = 8

_SHARE_TO_DROP = 0.5
"""The share of the turns to leave out when an engine refuses them and does not say how long they are."""


class ContextWindow:
    """The part of a conversation that is sent to a model; it remembers where that part begins."""

    def __init__(self) -> None:
        self._start: str | None = None
        self.left_out = 0
        """Turns of the branch in view that the model does not read."""

    def messages(
        self, model: ChatModel, system: Message | None, path: Sequence[Node], max_new_tokens: int | None
    ) -> list[Message]:
        """Return the messages to send: the system prompt and the newest whole turns that fit.

        A model that cannot count tokens gets all of them, until it refuses them.
        """
        turns = _turns(path)
        start = self._start_in(turns)
        context = model.context_length
        if context is not None:
            limit = context - min(max_new_tokens or ANSWER_TOKENS, context // 4)
            while start < len(turns) - 1:
                tokens = _count(model, _flatten(system, turns[start:]), limit)
                if tokens <= limit:
                    break
                start += _turns_to_drop(turns[start:], _surplus_share(tokens, context))
        self._begin(turns, start)
        return _flatten(system, turns[start:])

    def shrink(
        self, error: ContextLengthError, system: Message | None, path: Sequence[Node]
    ) -> list[Message] | None:
        """Return fewer messages after an engine refused the last ones, or None when one turn is too long."""
        turns = _turns(path)
        start = self._start_in(turns)
        if start >= len(turns) - 1:
            return None
        start += _turns_to_drop(turns[start:], _surplus_share(error.prompt_tokens, error.context_length))
        self._begin(turns, start)
        return _flatten(system, turns[start:])

    def _start_in(self, turns: Sequence[Sequence[Node]]) -> int:
        return next((i for i, turn in enumerate(turns) if turn[0].id == self._start), 0)

    def _begin(self, turns: Sequence[Sequence[Node]], start: int) -> None:
        self.left_out = start
        self._start = turns[start][0].id if start else None


def describe_context(used: int, available: int | None) -> str:
    """Say how many tokens of the context are in use, and how many there are where that is known."""
    return f"{used:,} tokens" if available is None else f"{used:,} of {available:,} tokens"


def _surplus_share(tokens: int | None, context: int | None) -> float:
    """Return the share of a prompt to leave out so that half of the context stays free."""
    return _SHARE_TO_DROP if tokens is None or context is None else (tokens - context // 2) / tokens


def _turns_to_drop(turns: Sequence[Sequence[Node]], share: float) -> int:
    """Return how many of the oldest turns to leave out, at least one and never the last."""
    sizes = [sum(_bytes(inline_files(node.message)) for node in turn) for turn in turns]
    wanted = share * sum(sizes)
    dropped = 1 + sum(size < wanted for size in accumulate(sizes))
    return min(dropped, len(turns) - 1)


def _turns(path: Sequence[Node]) -> list[list[Node]]:
    """Group a branch into turns: a question and what follows it; a greeting is a turn of its own."""
    turns: list[list[Node]] = []
    for node in path:
        if node.message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(node)
    return turns


def _flatten(system: Message | None, turns: Sequence[Sequence[Node]]) -> list[Message]:
    messages = [inline_files(node.message) for turn in turns for node in turn if not node.message.is_empty]
    return ([system] if system is not None else []) + messages


def _count(model: ChatModel, messages: Sequence[Message], limit: int) -> int:
    """Return the tokens of a prompt, or 0 when it surely fits or the model cannot count."""
    # A byte-level tokenizer makes at most one token of each byte.
    if sum(_bytes(message) + _TOKENS_PER_MESSAGE for message in messages) <= limit:
        return 0
    return model.count(messages) if supports_tokens(model) else 0


def _bytes(message: Message) -> int:
    calls = (call.name + call.arguments for call in message.tool_calls)
    return sum(len(text.encode()) for text in (message.content, *calls))
