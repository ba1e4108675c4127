"""The tokens of the last answer, and the tokens that the model could have chosen instead."""

from qwen_chat.message import Alternative, Token
from qwen_chat.model.base import require_tokens
from qwen_chat.session.turn_runner import TurnRunner


def answer_tokens(session: TurnRunner) -> list[Token]:
    """Return the tokens of the last answer.

    Raises: UsageError when there is none, or the model cannot show its tokens.
    """
    messages, model = session.answered_messages(), require_tokens(session.model)
    prompt = model.encode(messages[:-1], session.prompt_options)
    return model.encode(messages, session.prompt_options)[len(prompt) :]


def list_alternatives(session: TurnRunner, position: int, number: int) -> list[Alternative]:
    """Return the likeliest tokens at a position of the last answer, counted from 0, best first.

    Raises: SessionBusyError, UsageError, ModelError.
    """
    with session.idle():
        model = require_tokens(session.model)
        return model.alternatives(session.answered_messages(), position, number, session.prompt_options)
