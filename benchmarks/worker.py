"""Runs a chat in a process of its own, without any other engine or threads."""

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Protocol

from benchmarks.watch import Watched


class Chat(Protocol):
    """The side to measure: ours, or the bare peer."""

    def begin(self) -> None:
        """Start a new conversation."""

    def ask(self, question: str) -> Watched:
        """Ask, and read the answer."""

    def close(self) -> None:
        """Release everything."""


class Worker:
    """This process's end of a chat in another process."""

    def __init__(self, pipe: "Connection[str | None, Watched | None]") -> None:
        self._pipe = pipe

    def begin(self) -> None:
        """Start a new conversation."""
        self._pipe.send(None)
        self._pipe.recv()

    def ask(self, question: str) -> Watched:
        """Ask, and read the answer."""
        self._pipe.send(question)
        watched = self._pipe.recv()
        assert watched is not None
        return watched


@contextmanager
def working(open_chat: Callable[[int], Chat], max_tokens: int) -> Generator[Worker, None, None]:
    """Open a chat in a process of its own, with at most `max_tokens` in each answer."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_work, args=(far, open_chat, max_tokens))
    process.start()
    far.close()
    try:
        yield Worker(near)
    finally:
        near.close()
        process.join()


def _work(
    pipe: "Connection[Watched | None, str | None]", open_chat: Callable[[int], Chat], max_tokens: int
) -> None:
    chat = open_chat(max_tokens)
    try:
        while True:
            question = pipe.recv()
            if question is None:
                chat.begin()
                pipe.send(None)
            else:
                pipe.send(chat.ask(question))
    except EOFError:
        chat.close()
