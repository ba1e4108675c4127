"""What an answer took: shown, and its speed noted."""

from qwen_chat.message import Usage
from qwen_chat.model.catalog import speeds
from qwen_chat.model.state import Ready
from qwen_chat.session.context_window import describe_context
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.output.footer import ending, footer


def costs(session: ChatSession, turn: Turn) -> str:
    """Say how an answer ended and what it took: in one line, or with --verbose in full."""
    if not session.settings.verbose:
        return footer(turn, session.model.context_length)
    rows = _rows(session, turn)
    width = max(map(len, rows), default=0)
    table = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    return "\n".join(filter(None, [ending(turn), *table]))


def note_speed(session: ChatSession, turn: Turn) -> None:
    """Keep how fast an answer was, unless the chat is to leave no trace."""
    made, model = turn.wait().answer, session.model
    if session.store is None or model.checkpoint is None:
        return
    if made and made.usage:
        speeds.record_speed(model.checkpoint, made.usage)


def _rows(session: ChatSession, turn: Turn) -> dict[str, str]:
    made, model = turn.wait().answer, session.model
    rows = {}
    if isinstance(model.state, Ready) and model.state.load_seconds is not None:
        rows["loaded in"] = f"{model.state.load_seconds:.2f} s"
    if turn.first_token_seconds is not None:
        rows["first token"] = f"after {turn.first_token_seconds:.2f} s"
    if made and made.usage:
        rows |= _usage_rows(made.usage)
        rows["context"] = describe_context(made.usage.context_tokens, model.context_length)
    if made and made.seed is not None:
        rows["seed"] = str(made.seed)
    chosen = {name: value for name, value in session.effective_params.chosen().items() if name != "seed"}
    rows["sampling"] = ", ".join(f"{name} {_shown(value)}" for name, value in chosen.items())
    return rows


def _usage_rows(usage: Usage) -> dict[str, str]:
    fresh = usage.prompt_tokens - usage.cached_tokens
    return {
        "prompt": f"{usage.prompt_tokens:,} tokens, {usage.cached_tokens:,} of them known from before",
        "read": f"{fresh:,} tokens{_pace(fresh, usage.prefill_seconds)}",
        "wrote": f"{usage.completion_tokens:,} tokens{_pace(usage.completion_tokens, usage.decode_seconds)}",
    }


def _pace(tokens: int, seconds: float) -> str:
    return f" in {seconds:.2f} s, {tokens / seconds:,.1f} tokens/s" if seconds > 0 and tokens else ""


def _shown(value: object) -> str:
    return " ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
