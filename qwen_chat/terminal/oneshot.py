"""One question, one answer, for pipes: the answer alone on stdout, the rest on stderr."""

import json
import os
import sys
from dataclasses import asdict
from typing import TextIO

from qwen_chat.history import Node
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.interrupt import stopping
from qwen_chat.terminal.output.footer import ending
from qwen_chat.terminal.output.timings import costs, note_speed
from qwen_chat.text import escape_controls, strip_controls


def answer(session: ChatSession, prompt: str, *, as_json: bool, quiet: bool) -> int:
    """Ask, write the answer as it comes, and return the exit code: 0, 2 for an error, 130 for Ctrl-C.

    Raises: QwenChatError when the question cannot be asked, or the model fails.
    """
    turn = session.send(prompt)
    with stopping(turn) as interrupted:
        try:
            _write_json(session, turn) if as_json else _write_text(turn, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads on, as in `qwen-chat -p hi | head -1`
            turn.stop()
            turn.wait()
            abandon_stdout()
            return 0
        turn.wait()
    note_speed(session, turn)
    if turn.error is not None:
        raise turn.error
    _tell(session, turn, quiet=quiet)
    return 130 if interrupted.is_set() else 0


def abandon_stdout() -> None:
    """Write nothing more; Python would complain at exit about what it could not write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        sys.stdout.write(_one_line(_record(session, node)) + "\n")


def _one_line(record: dict[str, object]) -> str:
    # An encoding without all characters would lose some; terminals obey control characters beyond ASCII too.
    text = json.dumps(record, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))
    return escape_controls(text)


def _record(session: ChatSession, node: Node) -> dict[str, object]:
    made = node.answer
    return {
        "text": node.message.content,
        "reasoning": node.message.reasoning,
        "model": session.model.name,
        "conversation": session.history.id if session.store else None,
        "seed": made.seed if made else None,
        "finish_reason": made.finish_reason if made else None,
        "usage": asdict(made.usage) if made and made.usage else None,
    }


def _tell(session: ChatSession, turn: Turn, *, quiet: bool) -> None:
    lines = [session.model.notice] if sys.stderr.isatty() and not quiet else []
    lines += turn.notices
    if not quiet:
        in_full = sys.stderr.isatty() or session.settings.verbose
        lines.append(costs(session, turn) if in_full else ending(turn))
    for line in filter(None, lines):
        sys.stderr.write(f"{strip_controls(line)}\n")
