"""Which turns a model reads when the whole conversation does not fit its context.

The oldest whole turns are left out, never the system prompt. Once some are, about half of the context
stays free, so that the next turns go on behind the same prefix, which an engine need not read again.
"""

from collections.abc import Sequence
from itertools import accumulate

from qwen_chat.errors import ContextLengthError
from qwen_chat.history import Node
from qwen_chat.message import Message
from qwen_chat.model.base import ChatModel, TokenizingModel

ANSWER_TOKENS = 1024
"""Room to keep for an answer that has no limit of its own, in tokens."""

_TOKENS_PER_MESSAGE = 8


class ContextWindow:
    """The part of a conversation that is sent to a model; it remembers where that part begins."""

    def __init__(self) -> None:
        self._start: str | None = None
        self.left_out = 0
        """Turns of the branch in view that the model does not read."""

    def messages(
        self, model: ChatModel, system: Message | None, path: Sequence[Node], max_new_tokens: int | None
    ) -> list[Message]:
        """Return the messages to send: the system prompt and the newest whole turns that fit."""
        turns = _turns(path)
        start = next((i for i, turn in enumerate(turns) if turn[0].id == self._start), 0)
        limit = model.context_length - min(max_new_tokens or ANSWER_TOKENS, model.context_length // 4)
        while (
            start < len(turns) - 1 and (tokens := _count(model, _flat(system, turns[start:]), limit)) > limit
        ):
            start += self._surplus(turns[start:], tokens, model.context_length // 2)
        self._begin(turns, start)
        return _flat(system, turns[start:])

    def shrink(
        self, error: ContextLengthError, system: Message | None, path: Sequence[Node]
    ) -> list[Message] | None:
        """Return fewer messages after an engine refused the last ones, or None when one turn is too long."""
        turns = _turns(path)
        start = next((i for i, turn in enumerate(turns) if turn[0].id == self._start), 0)
        if start >= len(turns) - 1:
            return None
        start += self._surplus(turns[start:], error.prompt_tokens, error.context_length // 2)
        self._begin(turns, start)
        return _flat(system, turns[start:])

    def _begin(self, turns: Sequence[Sequence[Node]], start: int) -> None:
        self.left_out = start
        self._start = turns[start][0].id if start else None

    @staticmethod
    def _surplus(turns: Sequence[Sequence[Node]], tokens: int, target: int) -> int:
        """Return how many of the oldest turns to drop, at least one and never the last."""
        sizes = [sum(_bytes(node.message) for node in turn) for turn in turns]
        wanted = (tokens - target) / tokens * sum(sizes)
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


def _flat(system: Message | None, turns: Sequence[Sequence[Node]]) -> list[Message]:
    messages = [node.message for turn in turns for node in turn if node.message.content]
    return ([system] if system is not None else []) + messages


def _count(model: ChatModel, messages: Sequence[Message], limit: int) -> int:
    """Return the tokens of a prompt, or 0 when it surely fits or only the engine's server can tell."""
    # A byte-level tokenizer makes at most one token of each byte.
    if sum(_bytes(message) + _TOKENS_PER_MESSAGE for message in messages) <= limit:
        return 0
    return model.count(messages) if isinstance(model, TokenizingModel) else 0


def _bytes(message: Message) -> int:
    return len(message.content.encode())
