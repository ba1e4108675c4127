"""Alternative tokens at a position of an answer, as answers that a model can continue."""

from collections.abc import Iterable, Sequence

from qwen_chat.errors import UsageError
from qwen_chat.message import Alternative, Message, Token
from qwen_chat.model.prompt import PreparedPrompt
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.reasoning_marks import THINK, ReasoningMarks
from qwen_chat.model.token_cache import TokenCache


def take_prefix(answer: Sequence[int], position: int) -> list[int]:
    """Return the ids of an answer before a position.

    Raises: UsageError when the answer has no such token.
    """
    if not answer:
        raise UsageError("there is no answer yet whose tokens could be seen")
    if not 0 <= position < len(answer):
        raise UsageError(f"no token {position + 1}: the answer has {len(answer)}, counted from 1")
    return list(answer[:position])


def build_alternatives(
    choices: Iterable[tuple[Token, float]],
    prefix: Sequence[Token],
    prompt: PreparedPrompt,
    cache: TokenCache,
) -> list[Alternative]:
    """Return the alternatives after a prefix of an answer; `cache` gets the tokens of each new answer."""
    found = []
    for token, probability in choices:
        marks = prompt.splitter.marks
        tokens = [*prefix] if ends_answer(token, marks) else [*prefix, token]
        answer = _as_message(tokens, marks, reasoning_open=prompt.reasoning_open)
        cache.store(answer, [each.id for each in tokens].copy)
        found.append(Alternative(token, probability, answer))
    return found


def ends_answer(token: Token, marks: ReasoningMarks = THINK) -> bool:
    """Return whether a token that a model writes ends its answer."""
    return token.control and token.bytes.decode(errors="replace") not in marks.tokens


def _as_message(tokens: Sequence[Token], marks: ReasoningMarks, *, reasoning_open: bool) -> Message:
    text = b"".join(token.bytes for token in tokens).decode(errors="ignore")
    splitter = ReasoningSplitter("reasoning" if reasoning_open else "start", marks)
    return Message("assistant", *splitter.split(text))
