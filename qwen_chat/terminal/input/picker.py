"""Picking from a list on the screen: arrow keys move, typing filters, a preview stands beside or below.

It takes its lines off the screen again when something was picked, or nothing.
"""

from collections.abc import Sequence

from prompt_toolkit.application import Application, get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.processors import BeforeInput
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from qwen_chat.commands import Choice, Picking
from qwen_chat.text import strip_controls

_HELP = "↑ ↓ move · type to filter · Enter takes · Esc leaves"
_LIST_ROWS = 14
_PREVIEW_BELOW_ROWS = 5
_OTHER_ROWS = 3
_WIDE = 76
"""Columns from which the preview stands beside the list."""

_ESCAPE_SECONDS = 0.05
"""How long Esc waits for the rest of an arrow key's sequence; a slow line may take this long."""


def pick(picking: Picking) -> str | None:
    """Let a person pick, and return the value, or None when they left."""
    try:
        return _Picker(picking).app.run()
    except EOFError:  # the terminal is gone
        return None


class _Picker:
    def __init__(self, picking: Picking) -> None:
        self._all = [_shown(choice) for choice in picking.choices]
        values = [choice.value for choice in self._all]
        self._at = values.index(picking.current) if picking.current in values else 0
        self._names = max((cell_len(value) for value in values), default=0)
        self._wanted = Buffer(multiline=False, on_text_changed=lambda _: self._go_to(0))
        self.app: Application[str | None] = Application(
            Layout(self._body(picking.command)), key_bindings=self._keys(), erase_when_done=True
        )
        self.app.ttimeoutlen = _ESCAPE_SECONDS

    def _matching(self) -> list[Choice]:
        words = self._wanted.text.casefold().split()
        return [
            choice
            for choice in self._all
            if all(word in f"{choice.value} {choice.title}".casefold() for word in words)
        ]

    def _go_to(self, number: int) -> None:
        self._at = max(0, min(number, len(self._matching()) - 1))

    # What is drawn

    def _body(self, command: str) -> HSplit:
        wide = Condition(lambda: _columns() >= _WIDE)
        question = BufferControl(self._wanted, input_processors=[BeforeInput(f"/{command} ")])
        listed = Window(
            FormattedTextControl(self._list),
            width=lambda: Dimension.exact(self._list_columns()),
            height=lambda: Dimension.exact(self._list_rows()),
        )
        beside = Window(
            FormattedTextControl(lambda: self._preview(self._list_rows())), dont_extend_height=True
        )
        below = Window(
            FormattedTextControl(lambda: self._preview(_PREVIEW_BELOW_ROWS)), dont_extend_height=True
        )
        return HSplit(
            [
                Window(question, height=1),
                VSplit(
                    [
                        listed,
                        ConditionalContainer(Window(width=1, char="│", style="class:line"), wide),
                        ConditionalContainer(beside, wide),
                    ]
                ),
                ConditionalContainer(below, ~wide & Condition(lambda: _rows() > _PREVIEW_BELOW_ROWS * 2)),
                Window(FormattedTextControl([("", _HELP)]), height=1),
            ]
        )

    def _list_columns(self) -> int:
        return _columns() * 9 // 20 if _columns() >= _WIDE else _columns()

    def _list_rows(self) -> int:
        other = _OTHER_ROWS + (0 if _columns() >= _WIDE else _PREVIEW_BELOW_ROWS)
        return max(1, min(_LIST_ROWS, len(self._all), _rows() - other))

    def _list(self) -> StyleAndTextTuples:
        """Return the rows in view, the one picked reversed."""
        found, rows, width = self._matching(), self._list_rows(), self._list_columns()
        if not found:
            return [("", set_cell_size("nothing has these words", width))]
        first = max(0, min(self._at - rows // 2, len(found) - rows))
        drawn: StyleAndTextTuples = []
        for number, choice in enumerate(found[first : first + rows], first):
            here = number == self._at
            name = choice.value + " " * (self._names - cell_len(choice.value))
            line = set_cell_size(f"{'›' if here else ' '} {name}  {choice.title}", width - 1)
            drawn += [("reverse" if here else "", line), ("", "\n")]
        return drawn[:-1]

    def _preview(self, rows: int) -> StyleAndTextTuples:
        found = self._matching()
        if not found:
            return []
        width = max(1, _columns() - (self._list_columns() + 1 if _columns() >= _WIDE else 0) - 2)
        lines = _wrapped(found[self._at].preview, width)
        if len(lines) > rows:
            lines = [*lines[: rows - 1], "…"]
        title, *others = lines
        return [("bold", f" {title}"), *(("", f"\n {line}") for line in others)]

    # What is pressed

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        for names, step in (
            (("up", "c-p"), -1),
            (("down", "c-n"), 1),
            (("pageup",), -10),
            (("pagedown",), 10),
        ):
            for name in names:
                keys.add(name)(lambda _, step=step: self._go_to(self._at + step))

        @keys.add("enter")
        def _take(event: KeyPressEvent) -> None:
            if found := self._matching():
                event.app.exit(result=found[self._at].value)

        # Eager: no longer key sequence is waited for.
        @keys.add("escape", eager=True)
        @keys.add("c-c")
        @keys.add("c-d")
        def _leave(event: KeyPressEvent) -> None:
            event.app.exit(result=None)

        return keys


def _shown(choice: Choice) -> Choice:
    return Choice(choice.value, strip_controls(choice.title), strip_controls(choice.preview))


def _wrapped(text: str, width: int) -> Sequence[str]:
    console = Console(width=width)
    return [line.plain.rstrip() for line in Text(text).wrap(console, width)]


def _columns() -> int:
    return get_app().output.get_size().columns


def _rows() -> int:
    return get_app().output.get_size().rows
