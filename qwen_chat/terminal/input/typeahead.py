"""What is typed while no prompt is on the screen: it is kept, and typed into the next one.

Between prompts the terminal neither shows keys nor gathers them into lines, so that Enter stays Enter and a
line may be longer than the kernel's 4,096 bytes. Ctrl-C and Ctrl-Z work as ever.
"""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import Thread
from types import FrameType
from typing import Any

from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

try:
    import termios
except ImportError:  # Windows, whose console keeps keys by itself
    termios = None  # type: ignore[assignment]

_ESCAPE_SECONDS = 0.1
"""After this long, an Esc is a key of its own and not the beginning of another key."""

_PASTES_MARKED, _PASTES_BARE = "\x1b[?2004h", "\x1b[?2004l"


class Typeahead:
    """Collects keys in a thread, from entering it until leaving it, and hands them to the next prompt.

    `escapes` says whether an Esc alone is worth keeping: with vi's keys it is. With others it would make
    another key of the one that was typed long after it.
    """

    def __init__(self, keys: Input, *, escapes: bool) -> None:
        self._input = keys
        self._escapes = escapes
        self._keys: list[KeyPress] = []
        self._wake, self._woken = -1, -1
        self._thread = Thread(target=self._collect, name="typeahead", daemon=True)

    def __enter__(self) -> "Typeahead":
        if termios is not None and sys.stdin.isatty():
            self._woken, self._wake = os.pipe()
            self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        if self._thread.ident is None:
            return
        os.write(self._wake, b"\0")
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)
        # Answers to questions about the cursor belong to the prompt that asked.
        store_typeahead(self._input, [key for key in self._keys if key.key != Keys.CPRResponse])

    def _collect(self) -> None:
        # The prompt's own parser reads: half a character or half a paste goes on in the prompt.
        terminal, pending = self._input.fileno(), False
        while not self._input.closed:
            ready = select.select([terminal, self._woken], [], [], _ESCAPE_SECONDS if pending else None)[0]
            if terminal in ready:
                self._keys += self._input.read_keys()
                pending = True
            elif self._woken in ready:
                return
            else:
                flushed = self._input.flush_keys()
                self._keys += [key for key in flushed if self._escapes or key.key != Keys.Escape]
                pending = False


def send_nothing_yet(keys: Input) -> None:
    """Let no Enter among the keys that wait for the next prompt send a message: each breaks the line."""
    waiting = get_typeahead(keys)
    store_typeahead(keys, [_unsent(key) for key in waiting])


def _unsent(key: KeyPress) -> KeyPress:
    return KeyPress(Keys.ControlJ, "\n") if key.key == Keys.ControlM else key


def mark_pastes() -> None:
    """Let the terminal mark pastes, which every prompt ends: Enter within one is not a person's."""
    _tell_terminal(_PASTES_MARKED)


def quiet_terminal() -> AbstractContextManager[None]:
    """Return a context in which keys are not shown and come as they are pressed; it ends as it began."""
    if termios is None or not sys.stdin.isatty():
        return nullcontext()
    return _quiet(sys.stdin.fileno())


@contextmanager
def _quiet(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)

    def restore() -> None:
        with suppress(OSError, termios.error):  # the terminal may be gone
            termios.tcsetattr(terminal, termios.TCSANOW, before)
            _tell_terminal(_PASTES_BARE)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def pause(number: int, frame: FrameType | None) -> None:
        now = termios.tcgetattr(terminal)
        end(number, frame)  # returns when the shell brings the chat to the front again
        signal.signal(number, pause)
        termios.tcsetattr(terminal, termios.TCSANOW, now)
        mark_pastes()

    handlers = {signal.SIGTERM: end, signal.SIGTSTP: pause}
    replaced = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, _as_pressed(before))
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        restore()


def _tell_terminal(sequence: str) -> None:
    if os.environ.get("TERM") != "dumb":
        os.write(sys.stdout.fileno(), sequence.encode())


def _as_pressed(modes: list[Any]) -> list[Any]:
    incoming, outgoing, control, local, *speeds, characters = modes
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    # A stopped answer must not take with it what was typed before: NOFLSH.
    local = (local & ~(termios.ECHO | termios.ICANON | termios.IEXTEN)) | termios.NOFLSH
    incoming &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
    return [incoming, outgoing, control, local, *speeds, characters]
