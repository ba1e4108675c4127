"""The loop: read a line, run a command or a turn, show what comes of it; no error ends it."""

import sys
import time

from rich.console import Console
from rich.text import Text

from qwen_chat import __version__, commands
from qwen_chat.errors import ModelLoadError, QwenChatError
from qwen_chat.model.loading import LoadingModel
from qwen_chat.session import ChatSession
from qwen_chat.terminal.reader import Reader
from qwen_chat.terminal.stream import show
from qwen_chat.terminal.text import footer, printable
from qwen_chat.terminal.tokens import draw
from qwen_chat.turn import Turn

_TWICE_SECONDS = 2.0
INTERRUPTED = 130


class Repl:
    """A conversation in a terminal."""

    def __init__(self, session: ChatSession, reader: Reader, *, plain: bool, quiet: bool) -> None:
        self._session = session
        self._reader = reader
        self._quiet = quiet
        self._console = Console(highlight=False, markup=False, no_color=plain or None)
        self._plain = plain
        self._draft = ""
        self._editing: int | None = None

    def run(self, *, greeting: str) -> int:
        """Talk until the person leaves, and return the exit code.

        Raises: ModelLoadError when there is nothing to talk to.
        """
        self._say(greeting, quiet=True)
        if standing := commands.standing(self._session):
            self._console.print(Text(printable(standing)))
        last_interrupt = -_TWICE_SECONDS
        while True:
            try:
                line = self._read()
            except EOFError:
                return 0
            except KeyboardInterrupt:
                if time.monotonic() - last_interrupt < _TWICE_SECONDS:
                    return INTERRUPTED
                last_interrupt = time.monotonic()
                self._editing = None
                self._say("Ctrl-C once more, or Ctrl-D, leaves")
                continue
            if not line.strip():
                self._editing = None
            elif self._take(line):
                return 0

    def _read(self) -> str:
        draft, self._draft = self._draft, ""
        return self._reader.read(draft)

    def _take(self, line: str) -> bool:
        """Do what a line asks for, and return whether to leave."""
        try:
            if self._editing is not None:
                number, self._editing = self._editing, None
                return self._apply(commands.run(self._session, "edit", f"{number} {line}"))
            if (command := commands.parse(line)) is not None:
                return self._apply(commands.run(self._session, *command))
            self._watch(self._session.send(commands.as_message(line)))
        except ModelLoadError:
            raise
        except QwenChatError as error:
            self._fault(error)
        except KeyboardInterrupt:
            self._say("interrupted")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end a person's chat
            self._fault(QwenChatError(f"a fault in qwen-chat: {type(error).__name__}: {error}"))
        return False

    def _apply(self, outcome: commands.Outcome) -> bool:
        if outcome.tokens is not None:
            draw(outcome.tokens, self._console, plain=self._plain or not self._console.is_terminal)
        if outcome.action == "compose":
            self._draft, self._editing = outcome.text, outcome.number
        elif outcome.text:
            self._console.print(Text(printable(outcome.text)))
        if outcome.action == "clear screen":
            self._console.clear()
        if outcome.turn is not None:
            self._watch(outcome.turn)
        return outcome.action == "exit"

    def _watch(self, turn: Turn) -> None:
        model = self._session.model
        waiting = f"loading {model.name} ..." if isinstance(model, LoadingModel) and not model.ready else ""
        show(turn, sys.stdout, fancy=not self._plain and self._console.is_terminal, status=waiting)
        for notice in turn.notices:
            self._say(notice)
        if turn.error is not None:
            raise turn.error
        if not self._quiet:
            self._say(footer(turn, model.context_length))

    def _say(self, text: str, *, quiet: bool = False) -> None:
        if text and not (quiet and self._quiet):
            self._console.print(Text(printable(text), style="" if self._plain else "dim"))

    def _fault(self, error: QwenChatError) -> None:
        self._console.print(Text(printable(str(error)), style="" if self._plain else "red"))


def banner(session: ChatSession, *, embedded: bool) -> str:
    """Say what one is talking to, where the conversation stands, and how to go on."""
    name = f"qwen-chat {__version__} · {session.model.name}"
    lines = [f"{name}, a small demo model: expect mistakes" if embedded else name]
    if embedded:
        lines.append("A Qwen answers better: qwen-chat -c FILE.gguf, or -c Qwen/Qwen2.5-1.5B-Instruct-GGUF")
    lines.append("/help lists commands · Ctrl-C stops an answer · Ctrl-D leaves")
    return "\n".join(lines)
