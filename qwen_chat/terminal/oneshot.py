"""One question, one answer, for pipes: the answer alone goes to stdout, everything else to stderr."""

import json
import sys
from dataclasses import asdict
from typing import TextIO

from qwen_chat.history import Node
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.interrupt import stop_on_interrupt
from qwen_chat.terminal.output.footer import format_ending
from qwen_chat.terminal.output.stdout import discard_stdout
from qwen_chat.terminal.output.verbose import format_cost
from qwen_chat.terminal.speed_log import record_speed
from qwen_chat.text import escape_controls, strip_controls


def answer_question(session: ChatSession, prompt: str, *, as_json: bool, quiet: bool) -> int:
    """Print the answer while the model writes it; return the exit code: 0, or 130 after Ctrl-C.

    Raises: QwenChatError when the question cannot be sent, or the model fails.
    """
    turn = session.send(prompt)
    with stop_on_interrupt(turn) as interrupted:
        try:
            _write_json(session, turn) if as_json else _write_text(turn, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads any more, as in `qwen-chat -p hi | head -1`
            turn.stop()
            turn.wait()
            discard_stdout()
            return 0
        turn.wait()
    record_speed(session, turn)
    if turn.error is not None:
        raise turn.error
    _print_notices(session, turn, quiet=quiet)
    return 130 if interrupted.is_set() else 0


def _write_text(turn: Turn, stdout: TextIO) -> None:
    last = "\n"
    for delta in turn:
        if text := strip_controls(delta.text):
            stdout.write(text)
            stdout.flush()
            last = text[-1]
    if last != "\n":
        stdout.write("\n")


def _write_json(session: ChatSession, turn: Turn) -> None:
    node = turn.wait()
    if turn.error is None:
        sys.stdout.write(_format_json(_build_record(session, node)) + "\n")


def _format_json(record: dict[str, object]) -> str:
    # An encoding without all characters would lose some; terminals obey control characters beyond ASCII too.
    text = json.dumps(record, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))
    return escape_controls(text)


def _build_record(session: ChatSession, node: Node) -> dict[str, object]:
    answer = node.answer
    return {
        "text": node.message.content,
        "reasoning": node.message.reasoning,
        "model": session.model.name,
        "conversation": session.history.id if session.store else None,
        "seed": answer.seed if answer else None,
        "finish_reason": answer.finish_reason if answer else None,
        "usage": asdict(answer.usage) if answer and answer.usage else None,
    }


def _print_notices(session: ChatSession, turn: Turn, *, quiet: bool) -> None:
    """Print to stderr what a person should know about the answer, and what it cost."""
    lines = [session.model.notice] if sys.stderr.isatty() and not quiet else []
    lines += turn.notices
    if not quiet:
        with_cost = sys.stderr.isatty() or session.settings.verbose
        lines.append(format_cost(session, turn) if with_cost else format_ending(turn))
    for line in filter(None, lines):
        sys.stderr.write(f"{strip_controls(line)}\n")
