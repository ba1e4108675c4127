"""A person at a real terminal: a pty with a screen that answers as terminals do."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import pexpect
import pyte
import warm

PROMPT = ">>> "

_Line = Mapping[int, pyte.screens.Char]


class _Screen(pyte.HistoryScreen):
    """A screen that answers what programs ask a terminal, such as where the cursor is."""

    answer: Callable[[str], object]

    def write_process_input(self, data: str) -> None:
        self.answer(data)


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program on the terminal; its size is not the test runner's."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**inherited, "TERM": "xterm-256color", "QWEN_CHAT_THREADS": "1", **changes}


class Terminal:
    """A process on a pty and what its screen shows, scrollback included."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (30, 160),
        environ: Mapping[str, str] | None = None,
        command: list[str] | None = None,
        modules: tuple[str, ...] = (),
    ) -> None:
        rows, columns = size
        self.screen = _Screen(columns, rows, history=20_000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        env = _environment(environ or {})
        spawn: Any = warm.spawn(modules) if command is None and warm.is_warm(env) else pexpect.spawn
        argv = command or [sys.executable, "-m", "qwen_chat"]
        self.process: Any = spawn(argv[0], [*argv[1:], *arguments], env=env, dimensions=size)
        self.screen.answer = self.process.send
        self.raw = b""
        self._above: list[tuple[_Line, str]] = []
        self._text = ""
        self._fresh = False

    def text(self) -> str:
        """Return everything printed so far, line by line."""
        if not self._fresh:
            self._text = "\n".join([*self._scrolled(), *map(self._row, self._lines())]).rstrip()
            self._fresh = True
        return self._text

    def _lines(self) -> Iterable[_Line]:
        return (self.screen.buffer[y] for y in range(self.screen.lines))

    def _scrolled(self) -> list[str]:
        """Return the lines above the screen; they never change, so each is read once."""
        top = self.screen.history.top
        known = len(self._above)
        if known > len(top) or (known and top[known - 1] is not self._above[-1][0]):
            self._above.clear()  # the program erased them
        self._above += [(line, self._row(line)) for line in islice(top, len(self._above), None)]
        return [text for _, text in self._above]

    def _row(self, line: _Line) -> str:
        """Return the text of a line, of which only the cells that were written are kept."""
        width = min(self.screen.columns, max(line, default=-1) + 1)
        return "".join([line[x].data if x in line else " " for x in range(width)]).rstrip()

    def read(self, seconds: float = 0.05) -> None:
        """Take what the process prints within `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                data = self.process.read_nonblocking(65536, timeout=left)
            except (pexpect.TIMEOUT, pexpect.EOF):
                return
            self.raw += data
            self._stream.feed(data)
            self._fresh = False

    def wait_for(self, what: str | Callable[[str], bool], seconds: float = 60) -> str:
        """Read until the text holds `what`, and return the text."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()
            text = self.text()
            if what in text if isinstance(what, str) else what(text):
                return text
        raise AssertionError(f"{what!r} did not come in {seconds} s; the screen:\n{self.text()}")

    def ready(self, prompts: int = 1, seconds: float = 60) -> str:
        """Wait for the last line to be an empty prompt, after `prompts` prompts in all."""

        def at_prompt(text: str) -> bool:
            lines = text.splitlines()
            seen = sum(line.startswith(PROMPT.strip()) for line in lines)
            return bool(lines) and lines[-1].strip() == PROMPT.strip() and seen >= prompts

        return self.wait_for(at_prompt, seconds)

    def say(self, line: str, *, wait: bool = True, seconds: float = 60) -> str:
        """Type a line and Enter; with `wait`, return what was printed until the next prompt."""
        before = len(self.text().splitlines()) - 1
        self.process.send(line + "\r")
        if not wait:
            return ""
        self.read(0.1)
        prompts = sum(text.startswith(PROMPT.strip()) for text in self.text().splitlines()[: before + 1]) + 1
        return "\n".join(self.ready(prompts, seconds).splitlines()[before:-1])

    def press(self, keys: str) -> None:
        """Press keys, as the characters a terminal sends for them."""
        self.process.send(keys)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the window."""
        self.process.setwinsize(rows, columns)
        self.screen.resize(rows, columns)
        self._above.clear()
        self._fresh = False

    def leave(self, keys: str = "\x04", seconds: float = 20) -> int:
        """Press Ctrl-D, or `keys`, and return the exit code."""
        self.press(keys)
        self.read_to_end(seconds)
        self.process.close(force=True)
        assert self.process.signalstatus is None, f"ended by signal {self.process.signalstatus}"
        return int(self.process.exitstatus or 0)

    def kill(self) -> None:
        """End the process, wait until it is gone, and close the terminal."""
        if self.process.isalive():
            self.process.kill(signal.SIGKILL)
            self.read_to_end()
        self.process.close()

    def read_to_end(self, seconds: float = 20) -> None:
        """Read until the process has ended: one whose terminal nobody reads waits for ever to write to it."""
        end = time.monotonic() + seconds
        while self.process.isalive() and time.monotonic() < end:
            self.read(0.1)
        self.read(0.1)
