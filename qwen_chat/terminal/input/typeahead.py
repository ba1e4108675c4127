"""Typeahead: keys typed while no prompt is on the screen go into the next prompt.

Between prompts the terminal neither echoes keys nor buffers lines, so Enter is not translated and a line may
be longer than the kernel's limit of 4,096 bytes. Ctrl-C and Ctrl-Z still work.
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
except ImportError:  # on Windows the console buffers keys itself
    termios = None  # type: ignore[assignment]

_ESCAPE_SECONDS = 0.1
"""After this long, Esc is a key by itself and not the start of an escape sequence."""

_PASTE_MODE_ON, _PASTE_MODE_OFF = "\x1b[?2004h", "\x1b[?2004l"


class Typeahead:
    """A context manager that reads keys in a thread and hands them to the next prompt at its end.

    `escapes` keeps a lone Esc, which vi mode needs. In other modes Esc would combine with a key that was
    typed long after it.
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
        # Replies to cursor position requests belong to the prompt that sent the request.
        store_typeahead(self._input, [key for key in self._keys if key.key != Keys.CPRResponse])

    def _collect(self) -> None:
        # The prompt's own parser reads, so that half a character or half a paste is completed in the prompt.
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


def hold_typeahead(keys: Input) -> None:
    """Replace Enter by a line break in the keys for the next prompt, so that none sends a message."""
    waiting = get_typeahead(keys)
    store_typeahead(keys, [_replace_enter(key) for key in waiting])


def _replace_enter(key: KeyPress) -> KeyPress:
    return KeyPress(Keys.ControlJ, "\n") if key.key == Keys.ControlM else key


def enable_bracketed_paste() -> None:
    """Make the terminal mark pastes again, as each prompt turns that off: Enter in a paste must not send."""
    _write_sequence(_PASTE_MODE_ON)


def suppress_echo() -> AbstractContextManager[None]:
    """Return a context manager that turns off echo and line buffering, and restores both at its end."""
    if termios is None or not sys.stdin.isatty():
        return nullcontext()
    return _suppress_echo(sys.stdin.fileno())


@contextmanager
def _suppress_echo(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)

    def restore() -> None:
        with suppress(OSError, termios.error):  # the terminal may be gone
            termios.tcsetattr(terminal, termios.TCSANOW, before)
            _write_sequence(_PASTE_MODE_OFF)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def pause(number: int, frame: FrameType | None) -> None:
        now = termios.tcgetattr(terminal)
        end(number, frame)  # returns when the shell continues the chat
        signal.signal(number, pause)
        termios.tcsetattr(terminal, termios.TCSANOW, now)
        enable_bracketed_paste()

    handlers = {signal.SIGTERM: end, signal.SIGTSTP: pause}
    replaced = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, _disable_echo(before))
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        restore()


def _write_sequence(sequence: str) -> None:
    if os.environ.get("TERM") != "dumb":
        os.write(sys.stdout.fileno(), sequence.encode())


def _disable_echo(modes: list[Any]) -> list[Any]:
    incoming, outgoing, control, local, *speeds, characters = modes
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    # NOFLSH: Ctrl-C must stop the answer without discarding the keys typed before it.
    local = (local & ~(termios.ECHO | termios.ICANON | termios.IEXTEN)) | termios.NOFLSH
    incoming &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR)
    return [incoming, outgoing, control, local, *speeds, characters]
