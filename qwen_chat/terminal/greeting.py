"""The greeting of the chat: who answers, where it runs, and what to try."""

from collections.abc import Iterable

from rich.cells import cell_len

from qwen_chat import __version__
from qwen_chat.session.greeting import describe_model, suggest_questions
from qwen_chat.session.session import ChatSession

_SEPARATOR = " · "


def format_greeting(session: ChatSession, width: int) -> str:
    """Return the greeting in three lines, or more where `width` columns do not hold them."""
    model = session.model
    rows = [
        *_join(filter(None, (f"qwen-chat {__version__}", model.name, describe_model(model))), width),
        "It runs on this machine, offline: nothing you type leaves it.",
        *_join(_things_to_try(session), width),
    ]
    return "\n".join(rows)


def _things_to_try(session: ChatSession) -> list[str]:
    questions = suggest_questions(session)[:2]
    if not questions or session.history.title:
        return ["/help lists commands", "Ctrl-C stops an answer", "Ctrl-D leaves"]
    return [f"Try: {questions[0]}", *questions[1:], "/help (Ctrl-D leaves)"]


def _join(parts: Iterable[str], width: int) -> list[str]:
    """Return the parts in rows of at most `width` columns; a row ends between two parts where it can."""
    rows: list[str] = []
    for part in parts:
        longer = f"{rows[-1]}{_SEPARATOR}{part}" if rows else part
        if rows and cell_len(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(part)
    return rows
