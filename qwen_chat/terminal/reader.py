"""The input line: what is typed while the model loads, with history and completion of commands."""

import sys
from collections.abc import Iterable
from functools import partial
from threading import Thread

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from qwen_chat.commands import COMMANDS
from qwen_chat.directories import private_file, state_dir
from qwen_chat.model.loading import LoadingModel
from qwen_chat.terminal.keys import bindings
from qwen_chat.terminal.text import printable


class Reader:
    """Reads messages from the terminal; `keep` saves what is typed for the next time."""

    def __init__(self, model: LoadingModel, *, keep: bool, plain: bool, quiet: bool = False) -> None:
        self._model = model
        self._announce = not quiet
        history: History = FileHistory(private_file(state_dir() / "history")) if keep else InMemoryHistory()
        self._prompt: PromptSession[str] = PromptSession(
            multiline=True,
            history=history,
            key_bindings=bindings(),
            completer=_Commands(),
            complete_while_typing=False,
            enable_open_in_editor=True,
            prompt_continuation=_continuation,
        )
        self._message = FormattedText([("" if plain else "bold", ">>> ")])

    def read(self, default: str = "") -> str:
        """Return the next message; the model begins to load when the prompt is on the screen.

        Raises: EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C on an empty line, ModelLoadError as
        soon as the model failed to load.
        """
        return self._prompt.prompt(self._message, default=default, pre_run=self._watch_loading)

    def _watch_loading(self) -> None:
        app = get_app()
        loop = app.loop

        def report() -> None:
            """Leave the prompt when the model failed to load; else say above it how it computes."""
            self._model.start()
            error = self._model.failure()
            if not app.is_running or loop is None:
                return
            if error is not None:
                loop.call_soon_threadsafe(lambda: app.exit(exception=error) if not app.is_done else None)
            elif self._announce and self._model.notice:
                loop.call_soon_threadsafe(run_in_terminal, partial(_say, self._model.notice))

        def begin() -> None:
            Thread(target=report, daemon=True).start()

        if not self._model.ready and loop is not None:
            # After the first drawing: loading holds Python's lock for most of its time.
            loop.call_soon(loop.call_soon, begin)


def _say(text: str) -> None:
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def _continuation(width: int, line: int, wraps: int) -> str:  # noqa: ARG001 - prompt_toolkit's signature
    return "" if wraps else "... "


class _Commands(Completer):
    """Completes the names of commands at the beginning of the line."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        text = document.text_before_cursor
        if text[:1] not in ("/", ":") or any(mark.isspace() for mark in text):
            return
        for command in COMMANDS:
            for name in command.names:
                if name.startswith(text[1:].lower()):
                    yield Completion(text[0] + name, -len(text), display_meta=command.english)
                    break
