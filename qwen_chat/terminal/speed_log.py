"""Records how fast a model answered, for `qwen-chat models`."""

from qwen_chat.model.catalog import speeds
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn


def record_speed(session: ChatSession, turn: Turn) -> None:
    """Record the speed of a finished turn, except in a chat without history."""
    answer, model = turn.wait().answer, session.model
    if session.store is None or model.checkpoint is None:
        return
    if answer and answer.usage:
        speeds.record_speed(model.checkpoint, answer.usage)
