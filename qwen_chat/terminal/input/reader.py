"""The prompt: reads messages with history and completion, also while the model loads."""

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import create_app_session, get_app, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import is_dumb_terminal

from qwen_chat.files.paths import private_file, state_dir
from qwen_chat.model.base import ChatModel, wait_until_loaded
from qwen_chat.model.state import Failed, Loading
from qwen_chat.session.session import ChatSession
from qwen_chat.terminal.input.completion import ChatCompleter
from qwen_chat.terminal.input.keys import build_key_bindings
from qwen_chat.terminal.input.multiline import parse_message
from qwen_chat.terminal.input.typeahead import Typeahead, enable_bracketed_paste, hold_typeahead
from qwen_chat.text import strip_controls

_CONTINUATION = "... "
_VI_ESCAPE_SECONDS = 0.05
_MENU_ROWS = 8


class PromptCancelledError(Exception):
    """The prompt was cancelled because of an event elsewhere; `typed` is the text in it."""

    def __init__(self, typed: str) -> None:
        super().__init__("the prompt was cancelled")
        self.typed = typed


class PromptReader:
    """Reads messages from the terminal."""

    def __init__(self, session: ChatSession, model: ChatModel) -> None:
        self._model = model
        chosen = session.settings
        self._announce = not chosen.quiet
        self._cancel_requested = Event()
        plain = chosen.plain or chosen.screen_reader
        # Without colours, a suggestion would look like typed text.
        has_colours = not (plain or os.environ.get("NO_COLOR"))
        with create_app_session(output=_create_output(screen_reader=chosen.screen_reader)):
            self._prompt: PromptSession[str] = PromptSession(
                multiline=True,
                history=_InputHistory(private_file(state_dir() / "history"), session)
                if chosen.history
                else None,
                key_bindings=build_key_bindings(screen_reader=chosen.screen_reader),
                editing_mode=EditingMode.VI if chosen.vi else EditingMode.EMACS,
                cursor=ModalCursorShapeConfig() if chosen.vi and not plain else None,
                completer=ChatCompleter(session),
                complete_while_typing=False,
                # To keep rows free below the prompt, prompt_toolkit moves the cursor up again.
                reserve_space_for_menu=0 if chosen.screen_reader else _MENU_ROWS,
                auto_suggest=AutoSuggestFromHistory() if has_colours else None,
                enable_suspend=True,
                prompt_continuation=_continuation,
            )
        if chosen.vi:
            # Esc takes effect at once, and does not combine with the next key to Alt.
            self._prompt.app.ttimeoutlen = self._prompt.app.timeoutlen = _VI_ESCAPE_SECONDS
        self._message = FormattedText([("" if plain else "bold", ">>> ")])

    def read(self, draft: str = "") -> str:
        """Return the next message; the model starts to load when the prompt is on the screen.

        Raises: EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C on an empty line, ModelLoadError as
        soon as the model fails to load, PromptCancelledError after `cancel`.
        """
        app = self._prompt.app
        app.erase_when_done = False
        try:
            typed = self._prompt.prompt(self._message, default=draft, pre_run=self._start)
        finally:
            enable_bracketed_paste()
        if app.erase_when_done:
            shown = typed.replace("\n", f"\n{_CONTINUATION}")
            print_formatted_text(FormattedText([*self._message, ("", shown)]), output=app.output)
        return parse_message(typed)

    def cancel(self) -> None:
        """Cancel the prompt on the screen, or the next one; callable from any thread."""
        self._cancel_requested.set()
        app = self._prompt.app
        if (loop := app.loop) is not None and app.is_running:
            loop.call_soon_threadsafe(self._cancel_if_requested)

    def typeahead(self) -> Typeahead:
        """Return a context manager that keeps typed keys for the next prompt."""
        return Typeahead(self._prompt.app.input, escapes=self._prompt.editing_mode == EditingMode.VI)

    def hold_typeahead(self) -> None:
        """Keep the typeahead in the next prompt without sending it, even where it contains Enter."""
        hold_typeahead(self._prompt.app.input)

    def _start(self) -> None:
        self._watch_loading()
        self._cancel_if_requested()

    def _cancel_if_requested(self) -> None:
        app = self._prompt.app
        if self._cancel_requested.is_set() and app.is_running and not app.is_done:
            self._cancel_requested.clear()
            app.erase_when_done = True
            app.exit(exception=PromptCancelledError(self._prompt.default_buffer.text))

    def _watch_loading(self) -> None:
        app = get_app()
        loop = app.loop

        def report() -> None:
            """Cancel the prompt when the model fails to load; else print the model's notice above it."""
            state = wait_until_loaded(self._model)
            if not app.is_running or loop is None:
                return
            if isinstance(state, Failed):
                error = state.error
                loop.call_soon_threadsafe(lambda: app.exit(exception=error) if not app.is_done else None)
            elif self._announce and self._model.notice:
                loop.call_soon_threadsafe(run_in_terminal, partial(_print, self._model.notice))

        def begin() -> None:
            Thread(target=report, daemon=True).start()

        if isinstance(self._model.state, Loading) and loop is not None:
            # After the first drawing: loading holds the GIL for most of its time.
            loop.call_soon(loop.call_soon, begin)


def _create_output(*, screen_reader: bool) -> Output:
    """Return the output for prompts: without escape sequences on a dumb terminal."""
    if is_dumb_terminal():
        return PlainTextOutput(sys.stdout)
    output = create_output()
    if screen_reader and isinstance(output, Vt100_Output):
        # With cursor position reports, prompt_toolkit moves down to the last row and up again.
        output.enable_cpr = False
    return output


def _print(text: str) -> None:
    sys.stdout.write(f"{strip_controls(text)}\n")
    sys.stdout.flush()


def _continuation(width: int, line: int, wraps: int) -> str:  # noqa: ARG001 - prompt_toolkit's signature
    return "" if wraps else _CONTINUATION


class _InputHistory(FileHistory):
    """The input history in a file; on a full disk the history is lost and not the message."""

    def __init__(self, path: Path, session: ChatSession) -> None:
        super().__init__(path)
        self._session = session

    def store_string(self, string: str) -> None:
        """Write an entry to the file, unless the chat is not saved."""
        if self._session.incognito:
            return
        with suppress(OSError):
            super().store_string(string)
