"""What --verbose prints below an answer: a table of tokens, times, seed and sampling."""

from qwen_chat.message import Usage
from qwen_chat.model.state import Ready
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.output.footer import format_ending, format_footer


def format_cost(session: ChatSession, turn: Turn) -> str:
    """Return how an answer ended and what it cost: the footer, or with --verbose a table."""
    if not session.settings.verbose:
        return format_footer(turn, session.model.context_length)
    rows = _rows(session, turn)
    width = max(map(len, rows), default=0)
    table = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    return "\n".join(filter(None, [format_ending(turn), *table]))


def _rows(session: ChatSession, turn: Turn) -> dict[str, str]:
    answer, model = turn.wait().answer, session.model
    rows = {}
    if isinstance(model.state, Ready) and model.state.load_seconds is not None:
        rows["loaded in"] = f"{model.state.load_seconds:.2f} s"
    if turn.first_token_seconds is not None:
        rows["first token"] = f"after {turn.first_token_seconds:.2f} s"
    if answer and answer.usage:
        rows |= _usage_rows(answer.usage)
        rows["context"] = describe_context(answer.usage.context_tokens, model.context_length)
    if answer and answer.seed is not None:
        rows["seed"] = str(answer.seed)
    rows["sampling"] = _format_sampling(session)
    return rows


def _usage_rows(usage: Usage) -> dict[str, str]:
    fresh = usage.prompt_tokens - usage.cached_tokens
    prefill = _format_speed(fresh, usage.prefill_seconds)
    decode = _format_speed(usage.completion_tokens, usage.decode_seconds)
    return {
        "prompt": f"{usage.prompt_tokens:,} tokens, {usage.cached_tokens:,} of them from the prefix cache",
        "read": f"{fresh:,} tokens{prefill}",
        "wrote": f"{usage.completion_tokens:,} tokens{decode}",
    }


def _format_speed(tokens: int, seconds: float) -> str:
    return f" in {seconds:.2f} s, {tokens / seconds:,.1f} tokens/s" if seconds > 0 and tokens else ""


def _format_sampling(session: ChatSession) -> str:
    params = session.effective_params.chosen()
    return ", ".join(f"{name} {_format_value(params[name])}" for name in params if name != "seed")


def _format_value(value: object) -> str:
    return " ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
