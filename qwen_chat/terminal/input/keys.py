"""Key bindings of the prompt."""

import sys

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.application.current import get_app
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, emacs_mode, has_selection, is_searching, vi_navigation_mode
from prompt_toolkit.key_binding import ConditionalKeyBindings, KeyBindings, KeyBindingsBase, KeyPressEvent
from prompt_toolkit.key_binding.bindings.completion import display_completions_like_readline
from prompt_toolkit.keys import Keys
from prompt_toolkit.utils import get_cwidth

from qwen_chat.errors import UsageError
from qwen_chat.terminal.input.editor import edit_text
from qwen_chat.terminal.input.multiline import add_line_break, clean_text, needs_more_lines
from qwen_chat.text import strip_controls


def build_key_bindings(*, screen_reader: bool = False) -> KeyBindingsBase:
    """Return the key bindings that prompt_toolkit does not have.

    Enter sends; Alt-Enter and Ctrl-J break the line; Tab completes; Ctrl-C and Esc-Esc clear the text;
    Ctrl-X Ctrl-E (in vi mode: v) opens the editor. With `screen_reader`, Tab prints a list instead of a menu.
    """
    keys = KeyBindings()
    keys.add("enter")(_enter)
    keys.add("enter", filter=Condition(_is_completion_selected))(_accept_completion)
    keys.add("tab")(display_completions_like_readline if screen_reader else _complete)
    keys.add("escape", "enter")(_break_line)
    keys.add("c-j")(_break_line)
    keys.add("c-c")(_clear_or_leave)
    keys.add("escape", "escape", filter=emacs_mode)(_clear)
    keys.add(Keys.BracketedPaste)(_paste)
    keys.add("c-x", "c-e", filter=emacs_mode & ~has_selection)(_open_editor)
    keys.add("v", filter=vi_navigation_mode)(_open_editor)
    return ConditionalKeyBindings(keys, ~is_searching)


def _enter(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    if buffer.document.is_cursor_at_the_end and needs_more_lines(buffer.text):
        buffer.document = _with_cursor_at_end(add_line_break(buffer.text))
    else:
        size = event.app.output.get_size()
        # Of a text taller than the window, prompt_toolkit would leave only the end on the screen.
        event.app.erase_when_done = _count_rows(buffer.text, size.columns) >= size.rows
        buffer.validate_and_handle()


def _count_rows(text: str, columns: int) -> int:
    """Return the least number of rows that a text takes; each line begins with a prompt."""
    return sum(1 + get_cwidth(line) // columns for line in text.split("\n"))


def _complete(event: KeyPressEvent) -> None:
    """Complete synchronously, so that keys typed after Tab come after the completed word."""
    buffer = event.current_buffer
    if buffer.complete_state is not None:
        buffer.complete_next()
        return
    found = _list_completions(buffer)
    if len(found) == 1:
        buffer.apply_completion(found[0])
        return
    if common := get_common_complete_suffix(buffer.document, found):
        buffer.insert_text(common)
        found = _list_completions(buffer)
    if found:
        buffer.complete_state = CompletionState(buffer.document, found)


def _list_completions(buffer: Buffer) -> list[Completion]:
    return list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))


def _is_completion_selected() -> bool:
    state = get_app().current_buffer.complete_state
    return state is not None and state.current_completion is not None


def _accept_completion(event: KeyPressEvent) -> None:
    event.current_buffer.complete_state = None


def _break_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")


def _clear_or_leave(event: KeyPressEvent) -> None:
    if event.current_buffer.text:
        _clear(event)
    else:
        event.app.exit(exception=KeyboardInterrupt)


def _clear(event: KeyPressEvent) -> None:
    # Up brings the cleared text back.
    event.current_buffer.append_to_history()
    event.current_buffer.reset()


def _paste(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text(clean_text(event.data))


def _open_editor(event: KeyPressEvent) -> None:
    event.app.create_background_task(_edit_in_background(event.current_buffer))


async def _edit_in_background(buffer: Buffer) -> None:
    before = buffer.text
    text = await run_in_terminal(lambda: _edit_or_report(before), in_executor=True)
    if text != before:
        buffer.document = _with_cursor_at_end(text)


def _edit_or_report(text: str) -> str:
    """Return the edited text; print an error above the prompt and return the text unchanged."""
    try:
        return clean_text(edit_text(text))
    except UsageError as error:
        sys.stdout.write(f"{strip_controls(str(error))}\n")
        sys.stdout.flush()
        return text


def _with_cursor_at_end(text: str) -> Document:
    return Document(text, len(text))
