"""What else could have been said: tokens at some place of an answer -> answers that can be gone on with."""

from collections.abc import Iterable, Sequence

from qwen_chat.errors import UsageError
from qwen_chat.message import Alternative, Message, Token
from qwen_chat.model.prompt import Reading
from qwen_chat.model.reasoning import CLOSE, OPEN, ReasoningSplitter
from qwen_chat.model.token_cache import TokenCache


def up_to(answer: Sequence[int], position: int) -> list[int]:
    """Return the ids of an answer before a position.

    Raises: UsageError when the answer has no such token.
    """
    if not answer:
        raise UsageError("there is no answer yet whose tokens could be seen")
    if not 0 <= position < len(answer):
        raise UsageError(f"no token {position + 1}: the answer has {len(answer)}, counted from 1")
    return list(answer[:position])


def alternatives(
    choices: Iterable[tuple[Token, float]], kept: Sequence[Token], asked: Reading, written: TokenCache
) -> list[Alternative]:
    """Return choices after what is kept of an answer; each is remembered by its ids, to be gone on with."""
    found = []
    for token, probability in choices:
        tokens = [*kept] if ends(token) else [*kept, token]
        answer = _answer(tokens, opened=asked.opened)
        written.keep(answer, [each.id for each in tokens].copy)
        found.append(Alternative(token, probability, answer))
    return found


def ends(token: Token) -> bool:
    """Whether a token that a model writes ends its answer."""
    return token.control and token.bytes.decode(errors="replace") not in (OPEN, CLOSE)


def _answer(tokens: Sequence[Token], *, opened: bool) -> Message:
    text = b"".join(token.bytes for token in tokens).decode(errors="ignore")
    splitter = ReasoningSplitter("reasoning" if opened else "start")
    parts = [*splitter.feed(text), *splitter.flush()]
    content, reasoning = ("".join(part[side] for part in parts) for side in (0, 1))
    return Message("assistant", content, reasoning)
