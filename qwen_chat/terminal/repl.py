"""The loop: read a line, run a command or a turn, show what comes of it; no error ends it."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from qwen_chat import __version__, commands
from qwen_chat.errors import ModelLoadError, QwenChatError, RefusedError
from qwen_chat.files.fenced import full_text
from qwen_chat.model.state import Loading
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.input.reader import LeftError, Reader
from qwen_chat.terminal.input.typeahead import quiet_terminal
from qwen_chat.terminal.output.stream import Look, show
from qwen_chat.terminal.output.timings import costs, note_speed
from qwen_chat.terminal.output.tokens import draw
from qwen_chat.text import strip_controls

_TWICE_SECONDS = 2.0
INTERRUPTED = 130


class Repl:
    """A conversation in a terminal; `open_page` shows it in a browser, too, and returns where."""

    def __init__(
        self,
        session: ChatSession,
        reader: Reader,
        open_page: Callable[[], str],
        *,
        plain: bool,
        quiet: bool,
    ) -> None:
        self._session = session
        self._reader = reader
        self._open_page = open_page
        self._seen: Turn | None = None
        self._begun_elsewhere: Turn | None = None
        self._reading = False
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
            self._console.print(Text(strip_controls(standing)))
        with quiet_terminal(), self._session.changes.subscribe(self._look_elsewhere):
            return self._talk()

    def _talk(self) -> int:
        last_interrupt = -_TWICE_SECONDS
        while True:
            try:
                line = self._read()
            except EOFError:
                return 0
            except LeftError as left:
                self._draft = left.typed
                self._follow()
                continue
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
        self._reading = True
        try:
            self._look_elsewhere()
            return self._reader.read(draft)
        finally:
            self._reading = False

    def _look_elsewhere(self) -> None:
        """Leave the prompt when a turn was begun on the page."""
        turn = self._session.running
        if self._reading and turn is not None and turn is not self._seen:
            self._begun_elsewhere = turn
            self._reader.leave()

    def _follow(self) -> None:
        """Show a turn that was begun on the page, and what it answers."""
        turn, self._begun_elsewhere = self._begun_elsewhere, None
        if turn is None or turn is self._seen:
            return
        question = self._session.history.question_of(turn.message_id)
        if question and not turn.message_before.content:
            self._console.print(Text(strip_controls(f">>> {full_text(question.message)}"), "bold"))
        try:
            self._watch(turn)
        except ModelLoadError:
            raise
        except QwenChatError as error:
            self._fault(error)

    def _take(self, line: str) -> bool:
        """Do what a line asks for, and return whether to leave."""
        editing, self._editing = self._editing, None
        try:
            if editing is not None:
                return self._apply(commands.run(self._session, "edit", f"{editing} {line}"))
            if (command := commands.parse(line)) is not None:
                return self._apply(commands.run(self._session, *command))
            self._send(line)
        except ModelLoadError:
            raise
        except RefusedError as error:
            self._fault(error)
            self._keep_draft(line, editing)
        except QwenChatError as error:
            self._fault(error)
        except KeyboardInterrupt:
            self._say("interrupted")
            self._keep_draft(line, editing)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end a person's chat
            self._fault(QwenChatError(f"a fault in qwen-chat: {type(error).__name__}: {error}"))
        return False

    def _apply(self, outcome: commands.Outcome) -> bool:
        if outcome.picking is not None and self._can_pick():
            return self._pick(outcome.picking)
        if outcome.tokens is not None:
            draw(outcome.tokens, self._console, plain=self._plain or not self._console.is_terminal)
        if outcome.action == "compose":
            self._keep_draft(outcome.text, outcome.number or None)
        elif outcome.text:
            self._console.print(Text(strip_controls(outcome.text)))
        if outcome.action == "clear screen":
            self._console.clear()
        if outcome.action == "open page":
            self._say(f"this chat is also at {self._open_page()}")
        if outcome.turn is not None:
            self._watch(outcome.turn)
        return outcome.action == "exit"

    def _send(self, line: str) -> None:
        model = self._session.model
        if "@" in line and isinstance(model.state, Loading):
            self._say(f"loading {model.name}, to count tokens ...")
        outcome = commands.say(self._session, commands.as_message(line))
        self._say(outcome.text)
        if outcome.turn is not None:
            self._watch(outcome.turn)

    def _keep_draft(self, text: str, editing: int | None) -> None:
        """Put a text on the next line, where a person sends it or changes it."""
        self._draft, self._editing = text, editing
        self._reader.send_nothing_yet()

    def _can_pick(self) -> bool:
        return not self._plain and self._console.is_terminal and not self._console.is_dumb_terminal

    def _pick(self, picking: commands.Picking) -> bool:
        from qwen_chat.terminal.input.picker import pick

        for note in picking.notes:
            self._say(note)
        value = pick(picking)
        return value is not None and self._apply(commands.run(self._session, picking.command, value))

    def _watch(self, turn: Turn) -> None:
        self._seen = turn
        model = self._session.model
        waiting = f"loading {model.name} ..." if isinstance(model.state, Loading) else ""
        with self._reader.typeahead():
            hide = self._session.settings.hide_thinking
            show(turn, sys.stdout, look=self._look(), hide_thinking=hide, status=waiting)
        if (answer := turn.wait().answer) and answer.finish_reason == "interrupted":
            self._reader.send_nothing_yet()
        note_speed(self._session, turn)
        for notice in turn.notices:
            self._say(notice)
        if turn.error is not None:
            raise turn.error
        if not self._quiet:
            self._say(costs(self._session, turn))

    def _look(self) -> Look:
        if self._session.settings.screen_reader:
            return "spoken"
        plain = self._plain or not self._console.is_terminal or self._console.is_dumb_terminal
        return "plain" if plain else "markdown"

    def _say(self, text: str, *, quiet: bool = False) -> None:
        if text and not (quiet and self._quiet):
            self._console.print(Text(strip_controls(text), style="" if self._plain else "dim"))

    def _fault(self, error: QwenChatError) -> None:
        self._console.print(Text(strip_controls(str(error)), style="" if self._plain else "red"))


def banner(session: ChatSession, *, embedded: bool) -> str:
    """Say what one is talking to, where the conversation stands, and how to go on."""
    name = f"qwen-chat {__version__} · {session.model.name}"
    lines = [f"{name}, a small demo model: expect mistakes" if embedded else name]
    if embedded:
        lines.append("A Qwen answers better: qwen-chat -c FILE.gguf, or -c Qwen/Qwen2.5-1.5B-Instruct-GGUF")
    lines.append("/help lists commands · Ctrl-C stops an answer · Ctrl-D leaves")
    return "\n".join(lines)
