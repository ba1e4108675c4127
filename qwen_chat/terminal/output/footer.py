"""The footer below an answer: how the answer ended and what it cost, in one line."""

from qwen_chat.message import Usage
from qwen_chat.session.turn import Turn

_ENDINGS = {
    "interrupted": "interrupted, the partial answer is kept",
    "length": "cut: a larger max_new_tokens allows more",
    "context": "cut: the context is full",
    "error": "stopped by an error",
}


def format_footer(turn: Turn, context_length: int | None) -> str:
    """Return how an answer ended and what it cost."""
    node = turn.wait()
    usage = node.answer.usage if node.answer and node.message.content + node.message.reasoning else None
    parts = _format_usage(usage, turn.first_token_seconds, context_length) if usage else []
    return " · ".join(filter(None, [format_ending(turn), *parts]))


def format_ending(turn: Turn) -> str:
    """Return why an answer ended early; empty where it is complete."""
    node = turn.wait()
    finish = node.answer.finish_reason if node.answer else None
    if finish == "interrupted" and not (node.message.content or node.message.reasoning):
        return "interrupted before it answered"
    return _ENDINGS.get(finish or "", "")


def _format_usage(usage: Usage, first_token_seconds: float | None, context_length: int | None) -> list[str]:
    parts = [f"{usage.completion_tokens:,} tok"]
    if usage.tokens_per_second:
        parts.append(f"{usage.tokens_per_second:.1f} tok/s")
    if first_token_seconds is not None:
        parts.append(f"first token {first_token_seconds:.2f} s")
    if usage.prompt_tokens:
        parts.append(f"prefill avoided {usage.cached_tokens / usage.prompt_tokens:.0%}")
    available = "" if context_length is None else f"/{context_length:,}"
    parts.append(f"context {usage.context_tokens:,}{available}")
    return parts
