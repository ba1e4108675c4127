"""The read-eval-print loop: it reads a line, runs a command or a turn, and shows the result.

No error ends the loop, except when the model cannot be loaded.
"""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from qwen_chat import commands
from qwen_chat.errors import ModelLoadError, QwenChatError, RefusedError
from qwen_chat.files.fenced import full_text
from qwen_chat.model.state import Loading
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.terminal.greeting import format_greeting
from qwen_chat.terminal.input.reader import PromptCancelledError, PromptReader
from qwen_chat.terminal.input.typeahead import suppress_echo
from qwen_chat.terminal.output.stream import DisplayStyle, show_turn
from qwen_chat.terminal.output.tokens import draw_tokens
from qwen_chat.terminal.output.verbose import format_cost
from qwen_chat.terminal.speed_log import record_speed
from qwen_chat.text import strip_controls

_DOUBLE_INTERRUPT_SECONDS = 2.0
_EXIT_INTERRUPTED = 130


class Repl:
    """A chat in the terminal; `open_page` opens it in a browser, too, and returns the address."""

    def __init__(
        self,
        session: ChatSession,
        reader: PromptReader,
        open_page: Callable[[], str],
        *,
        plain: bool,
        quiet: bool,
    ) -> None:
        self._session = session
        self._reader = reader
        self._open_page = open_page
        self._shown_turn: Turn | None = None
        self._page_turn: Turn | None = None
        """A turn that was started on the page while the prompt was on the screen."""
        self._at_prompt = False
        self._quiet = quiet
        self._console = Console(highlight=False, markup=False, no_color=plain or None)
        self._plain = plain
        self._draft = ""
        self._edited_message: int | None = None

    def run(self) -> int:
        """Run the chat until the person leaves, and return the exit code.

        Raises: ModelLoadError when the model cannot be loaded.
        """
        if not self._quiet:
            self._print_notice(format_greeting(self._session, self._console.width))
        if summary := commands.summarize_conversation(self._session):
            self._console.print(Text(strip_controls(summary)))
        with suppress_echo(), self._session.changes.subscribe(self._cancel_prompt_for_page):
            return self._loop()

    def _loop(self) -> int:
        last_interrupt = -_DOUBLE_INTERRUPT_SECONDS
        while True:
            try:
                line = self._read_line()
            except EOFError:
                return 0
            except PromptCancelledError as cancelled:
                self._draft = cancelled.typed
                self._show_page_turn()
                continue
            except KeyboardInterrupt:
                if time.monotonic() - last_interrupt < _DOUBLE_INTERRUPT_SECONDS:
                    return _EXIT_INTERRUPTED
                last_interrupt = time.monotonic()
                self._edited_message = None
                self._print_notice("press Ctrl-C again, or Ctrl-D, to leave")
                continue
            if not line.strip():
                self._edited_message = None
            elif self._handle_line(line):
                return 0

    def _read_line(self) -> str:
        draft, self._draft = self._draft, ""
        self._at_prompt = True
        try:
            self._cancel_prompt_for_page()
            return self._reader.read(draft)
        finally:
            self._at_prompt = False

    def _cancel_prompt_for_page(self) -> None:
        """Cancel the prompt when a turn was started on the page."""
        turn = self._session.running
        if self._at_prompt and turn is not None and turn is not self._shown_turn:
            self._page_turn = turn
            self._reader.cancel()

    def _show_page_turn(self) -> None:
        """Show a turn that was started on the page, with its question."""
        turn, self._page_turn = self._page_turn, None
        if turn is None or turn is self._shown_turn:
            return
        question = self._session.history.question_of(turn.message_id)
        if question and not turn.message_before.content:
            self._console.print(Text(strip_controls(f">>> {full_text(question.message)}"), "bold"))
        try:
            self._show_turn(turn)
        except ModelLoadError:
            raise
        except QwenChatError as error:
            self._print_error(error)

    def _handle_line(self, line: str) -> bool:
        """Run a command or send a message, and return whether to leave."""
        edited, self._edited_message = self._edited_message, None
        try:
            return self._run_line(line, edited)
        except ModelLoadError:
            raise
        except RefusedError as error:
            self._print_error(error)
            self._keep_draft(line, edited)
        except QwenChatError as error:
            self._print_error(error)
        except KeyboardInterrupt:
            self._print_notice("interrupted")
            self._keep_draft(line, edited)
        except Exception as error:  # noqa: BLE001 - a bug in a command must not end the chat
            self._print_error(QwenChatError(f"a fault in qwen-chat: {type(error).__name__}: {error}"))
        return False

    def _run_line(self, line: str, edited: int | None) -> bool:
        if edited is not None:
            return self._show_result(commands.run(self._session, "edit", f"{edited} {line}"))
        if (command := commands.parse(line)) is not None:
            return self._show_result(commands.run(self._session, *command))
        self._send_message(line)
        return False

    def _show_result(self, result: commands.CommandResult) -> bool:
        """Show the result of a command, and return whether to leave."""
        if result.menu is not None and self._can_pick():
            return self._pick_from(result.menu)
        if result.tokens is not None:
            draw_tokens(result.tokens, self._console, plain=self._plain or not self._console.is_terminal)
        if result.action == "compose":
            self._keep_draft(result.text, result.number or None)
        elif result.text:
            self._console.print(Text(strip_controls(result.text)))
        if result.action == "clear screen":
            self._console.clear()
        if result.action == "open page":
            self._print_notice(f"this chat is also at {self._open_page()}")
        if result.turn is not None:
            self._show_turn(result.turn)
        return result.action == "exit"

    def _send_message(self, line: str) -> None:
        model = self._session.model
        if "@" in line and isinstance(model.state, Loading):
            self._print_notice(f"loading {model.name}, to count tokens ...")
        result = commands.send_message(self._session, commands.unescape_message(line))
        self._print_notice(result.text)
        if result.turn is not None:
            self._show_turn(result.turn)

    def _keep_draft(self, text: str, edited: int | None) -> None:
        """Put a text into the next prompt, where the person can change it and send it."""
        self._draft, self._edited_message = text, edited
        self._reader.hold_typeahead()

    def _can_pick(self) -> bool:
        return not self._plain and self._console.is_terminal and not self._console.is_dumb_terminal

    def _pick_from(self, menu: commands.Menu) -> bool:
        from qwen_chat.terminal.input.picker import pick

        for note in menu.notes:
            self._print_notice(note)
        value = pick(menu)
        return value is not None and self._show_result(commands.run(self._session, menu.command, value))

    def _show_turn(self, turn: Turn) -> None:
        self._shown_turn = turn
        model = self._session.model
        status = f"loading {model.name} ..." if isinstance(model.state, Loading) else ""
        with self._reader.typeahead():
            hide = self._session.settings.hide_thinking
            show_turn(turn, sys.stdout, style=self._display_style(), hide_thinking=hide, status=status)
        if (answer := turn.wait().answer) and answer.finish_reason == "interrupted":
            self._reader.hold_typeahead()
        record_speed(self._session, turn)
        for notice in turn.notices:
            self._print_notice(notice)
        if turn.error is not None:
            raise turn.error
        if not self._quiet:
            self._print_notice(format_cost(self._session, turn))

    def _display_style(self) -> DisplayStyle:
        if self._session.settings.screen_reader:
            return "spoken"
        plain = self._plain or not self._console.is_terminal or self._console.is_dumb_terminal
        return "plain" if plain else "markdown"

    def _print_notice(self, text: str) -> None:
        if text:
            self._console.print(Text(strip_controls(text), style="" if self._plain else "dim"))

    def _print_error(self, error: QwenChatError) -> None:
        self._console.print(Text(strip_controls(str(error)), style="" if self._plain else "red"))
