"""One question, one answer, for pipes: the answer alone on stdout, the rest on stderr."""

import json
import os
import sys
from dataclasses import asdict
from typing import TextIO

from qwen_chat.history import Node
from qwen_chat.session import ChatSession
from qwen_chat.terminal.stream import stopping
from qwen_chat.terminal.text import ending, footer, printable
from qwen_chat.turn import Turn


def answer(session: ChatSession, prompt: str, *, as_json: bool, quiet: bool) -> int:
    """Ask, write the answer as it comes, and return the exit code: 0, 2 for an error, 130 for Ctrl-C.

    Raises: QwenChatError when the question cannot be asked, or the model fails.
    """
    turn = session.send(prompt)
    with stopping(turn) as interrupted:
        try:
            _write_json(session, turn) if as_json else _write_text(turn, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            _give_up_stdout(turn)
        turn.wait()
    _tell(session, turn, quiet=quiet)
    if turn.error is not None:
        raise turn.error
    return 130 if interrupted.is_set() else 0


def _write_text(turn: Turn, stdout: TextIO) -> None:
    last = "\n"
    for delta in turn:
        if text := printable(delta.text):
            stdout.write(text)
            stdout.flush()
            last = text[-1]
    if last != "\n":
        stdout.write("\n")


def _write_json(session: ChatSession, turn: Turn) -> None:
    node = turn.wait()
    if turn.error is None:
        sys.stdout.write(json.dumps(_record(session, node), ensure_ascii=False) + "\n")


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


def _give_up_stdout(turn: Turn) -> None:
    """Stop when nobody reads on; Python would complain at exit about what it could not write."""
    turn.stop()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(session: ChatSession, turn: Turn, *, quiet: bool) -> None:
    for notice in turn.notices:
        sys.stderr.write(f"{printable(notice)}\n")
    if turn.error is not None:
        return
    if not quiet and sys.stderr.isatty():
        sys.stderr.write(footer(turn, session.model.context_length) + "\n")
    elif cut := ending(turn):
        sys.stderr.write(f"{cut}\n")
