"""Runs our command on a pseudo-terminal."""

from typing import Any

import pexpect

from benchmarks import ours

PROMPT = ">>>"


def talk(*arguments: str) -> Any:  # noqa: ANN401 - pexpect's spawn is generic in a way that says nothing here
    """Start a chat, and return it as soon as the prompt is visible."""
    chat = spawn([*ours.COMMAND, *arguments])
    chat.expect_exact(PROMPT)
    return chat


def spawn(command: list[str]) -> Any:  # noqa: ANN401
    return pexpect.spawn(command[0], command[1:], encoding="utf-8", dimensions=(24, 100), timeout=120)


def leave(chat: Any) -> None:  # noqa: ANN401
    chat.sendcontrol("d")
    chat.expect(pexpect.EOF)
    chat.close()
