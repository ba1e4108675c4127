"""Decodes with either side in a process that is killed when it takes too long, as bare llama.cpp may."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any

from benchmarks import bare
from qwen_chat.message import Message
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

TOKENS = 128
SECONDS = 5.0
"""An answer ends after so many tokens, or so long after its first one."""

PATIENCE_SECONDS = 15.0
"""An answer that takes longer, with its prompt, has reached nothing."""

_LOAD_SECONDS = 60.0
_QUESTION = "Write a long story about a lighthouse keeper."

Answer = Callable[[], float]
"""Answers the question, and returns the speed in tokens per second."""


@dataclass(slots=True)
class Pace:
    """The times of the tokens of an answer."""

    moments: list[float] = field(default_factory=list)

    def step(self) -> None:
        """Record a token."""
        self.moments.append(time.perf_counter())

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return bool(self.moments) and self.moments[-1] - self.moments[0] >= SECONDS

    @property
    def speed(self) -> float:
        """Tokens per second after the first token."""
        seconds = self.moments[-1] - self.moments[0] if self.moments else 0.0
        return (len(self.moments) - 1) / seconds if seconds else 0.0


def open_ours(path: Path) -> Answer:
    """Open a GGUF file as the chat does."""
    model = LlamaCppModel(path, path.stem, LlamaCppOptions(ignore_end=True))
    params = SamplingParams.from_mapping({**bare.SAMPLING, "max_new_tokens": TOKENS})

    def answer() -> float:
        pace, stop = Pace(), Event()
        for delta in model.stream([Message("user", _QUESTION)], params, cancel=stop):
            if delta.text:
                pace.step()
            if pace.over:
                stop.set()
        model.close()
        return pace.speed

    return answer


def open_bare(path: Path) -> Answer:
    """Open a GGUF file with xllamacpp's defaults."""
    server = bare.open_server(str(path))
    messages = [{"role": "user", "content": _QUESTION}]

    def answer() -> float:
        pace = Pace()

        def receive(chunks: dict[str, Any] | list[dict[str, Any]]) -> bool:
            for chunk in chunks if isinstance(chunks, list) else [chunks]:
                if chunk["choices"][0]["delta"].get("content"):
                    pace.step()
            return pace.over

        limits = {"stream": True, "max_tokens": TOKENS, "ignore_eos": True}
        server.handle_chat_completions({"messages": messages, **limits, **bare.SAMPLING}, receive)
        return pace.speed

    return answer


def speed_beside(open_side: Callable[[Path], Answer], path: Path, busy: int) -> float:
    """Return the tokens per second of one answer beside so many busy processes; 0 if none came in time.

    The model is loaded before they start.
    """
    with _opened(open_side, path) as pipe, busy_processes(busy):
        pipe.send(None)
        return pipe.recv() if pipe.poll(PATIENCE_SECONDS) else 0.0


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Run processes that use all that they get of a core each."""
    with ExitStack() as stack:
        for _ in range(number):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        time.sleep(0.5 if number else 0.0)
        yield


@contextmanager
def _opened(
    open_side: Callable[[Path], Answer], path: Path
) -> Generator["Connection[None, float]", None, None]:
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_work, args=(far, open_side, path))
    process.start()
    far.close()
    try:
        if not near.poll(_LOAD_SECONDS):
            raise TimeoutError(f"{path} was not loaded in {_LOAD_SECONDS:g} s")
        near.recv()
        yield near
    finally:
        process.kill()
        process.join()
        near.close()


def _work(pipe: "Connection[float, None]", open_side: Callable[[Path], Answer], path: Path) -> None:
    answer = open_side(path)
    pipe.send(0.0)
    pipe.recv()
    pipe.send(answer())
    pipe.recv()  # until the other end kills this process
