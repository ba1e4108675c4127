"""Key bindings of the input line."""

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
from qwen_chat.terminal.input.editor import edited
from qwen_chat.terminal.input.multiline import goes_on, harmless, next_line
from qwen_chat.text import strip_controls


def bindings(*, spoken: bool = False) -> KeyBindingsBase:
    """Return the keys that are not prompt_toolkit's own; `spoken` has Tab print a list in place of a menu.

    Enter sends, Alt-Enter and Ctrl-J break the line, Tab completes, Ctrl-C and Esc-Esc clear what was
    typed, Ctrl-X Ctrl-E (with vi's keys: v) opens the editor.
    """
    keys = KeyBindings()
    keys.add("enter")(_enter)
    keys.add("enter", filter=Condition(_picked))(_take_completion)
    keys.add("tab")(display_completions_like_readline if spoken else _complete)
    keys.add("escape", "enter")(_break_line)
    keys.add("c-j")(_break_line)
    keys.add("c-c")(_clear_or_leave)
    keys.add("escape", "escape", filter=emacs_mode)(_clear)
    keys.add(Keys.BracketedPaste)(_paste)
    keys.add("c-x", "c-e", filter=emacs_mode & ~has_selection)(_edit)
    keys.add("v", filter=vi_navigation_mode)(_edit)
    return ConditionalKeyBindings(keys, ~is_searching)


def _enter(event: KeyPressEvent) -> None:
    buffer = event.current_buffer
    if buffer.document.is_cursor_at_the_end and goes_on(buffer.text):
        buffer.document = _at_end(next_line(buffer.text))
    else:
        size = event.app.output.get_size()
        # Of a text that is taller than the window, prompt_toolkit would leave only the end on the screen.
        event.app.erase_when_done = _rows(buffer.text, size.columns) >= size.rows
        buffer.validate_and_handle()


def _rows(text: str, columns: int) -> int:
    """Return how many rows a text takes at least; each line begins with a prompt."""
    return sum(1 + get_cwidth(line) // columns for line in text.split("\n"))


def _complete(event: KeyPressEvent) -> None:
    """Complete at once, so that what was typed after Tab comes after what it completed."""
    buffer = event.current_buffer
    if buffer.complete_state is not None:
        buffer.complete_next()
        return
    found = _completions(buffer)
    if len(found) == 1:
        buffer.apply_completion(found[0])
        return
    if common := get_common_complete_suffix(buffer.document, found):
        buffer.insert_text(common)
        found = _completions(buffer)
    if found:
        buffer.complete_state = CompletionState(buffer.document, found)


def _completions(buffer: Buffer) -> list[Completion]:
    return list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))


def _picked() -> bool:
    state = get_app().current_buffer.complete_state
    return state is not None and state.current_completion is not None


def _take_completion(event: KeyPressEvent) -> None:
    event.current_buffer.complete_state = None


def _break_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")


def _clear_or_leave(event: KeyPressEvent) -> None:
    if event.current_buffer.text:
        _clear(event)
    else:
        event.app.exit(exception=KeyboardInterrupt)


def _clear(event: KeyPressEvent) -> None:
    # What was cleared can be had again with Up.
    event.current_buffer.append_to_history()
    event.current_buffer.reset()


def _paste(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text(harmless(event.data))


def _edit(event: KeyPressEvent) -> None:
    event.app.create_background_task(_in_editor(event.current_buffer))


async def _in_editor(buffer: Buffer) -> None:
    before = buffer.text
    text = await run_in_terminal(lambda: _edited_or_told(before), in_executor=True)
    if text != before:
        buffer.document = _at_end(text)


def _edited_or_told(text: str) -> str:
    """Return what became of a text; a fault is told above the prompt, and the text is as it was."""
    try:
        return harmless(edited(text))
    except UsageError as error:
        sys.stdout.write(f"{strip_controls(str(error))}\n")
        sys.stdout.flush()
        return text


def _at_end(text: str) -> Document:
    return Document(text, len(text))
