"""The bare side of the measurements that last longer than one question."""

import time

from benchmarks import bare, ours
from benchmarks.watch import Watched


class BareChat:
    """A conversation as a list of messages, sent whole each time; the engine finds what it knows of it."""

    def __init__(self, max_tokens: int) -> None:
        self._server = bare.open_server(str(ours.model_path()))
        self._max_tokens = max_tokens
        self._messages = [bare.SYSTEM]

    def begin(self) -> None:
        """Begin another conversation."""
        self._messages = [bare.SYSTEM]

    def ask(self, question: str) -> Watched:
        """Ask, and watch the answer."""
        pieces: list[tuple[float, str]] = []
        started = time.perf_counter()
        self._messages.append({"role": "user", "content": question})
        timings = bare.ask(
            self._server,
            self._messages,
            self._max_tokens,
            lambda text: pieces.append((time.perf_counter(), text)),
        )
        self._messages.append({"role": "assistant", "content": "".join(text for _, text in pieces)})
        return Watched(
            started,
            [moment for moment, _ in pieces],
            timings["predicted_n"],
            timings["predicted_ms"] / 1000,
            timings["cache_n"] + timings["prompt_n"],
            timings["cache_n"],
        )

    def close(self) -> None:
        """The engine goes with its process."""
