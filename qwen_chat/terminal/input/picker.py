"""A list to pick from: arrow keys move, typing filters, and a preview is shown beside or below the list.

The list disappears from the screen when it is closed.
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

from qwen_chat.commands import Menu, MenuItem
from qwen_chat.text import strip_controls

_HELP = "↑ ↓ move · type to filter · Enter picks · Esc closes"
_LIST_ROWS = 14
_PREVIEW_BELOW_ROWS = 5
_OTHER_ROWS = 3
_MIN_WIDE_COLUMNS = 76
"""From this width on, the preview is shown beside the list."""

_ESCAPE_SECONDS = 0.05
"""How long Esc waits for the rest of an escape sequence, such as that of an arrow key."""


def pick(menu: Menu) -> str | None:
    """Show the list and return the picked value, or None when the person closed it."""
    try:
        return _Picker(menu).app.run()
    except EOFError:  # the terminal was closed
        return None


class _Picker:
    def __init__(self, menu: Menu) -> None:
        self._all = [_strip_controls(item) for item in menu.items]
        values = [item.value for item in self._all]
        self._selected = values.index(menu.current) if menu.current in values else 0
        self._name_width = max((cell_len(value) for value in values), default=0)
        self._filter = Buffer(multiline=False, on_text_changed=lambda _: self._select(0))
        self.app: Application[str | None] = Application(
            Layout(self._build_layout(menu.command)), key_bindings=self._build_keys(), erase_when_done=True
        )
        self.app.ttimeoutlen = _ESCAPE_SECONDS

    def _matches(self) -> list[MenuItem]:
        words = self._filter.text.casefold().split()
        return [
            item
            for item in self._all
            if all(word in f"{item.value} {item.title}".casefold() for word in words)
        ]

    def _select(self, number: int) -> None:
        self._selected = max(0, min(number, len(self._matches()) - 1))

    # Layout

    def _build_layout(self, command: str) -> HSplit:
        wide = Condition(lambda: _columns() >= _MIN_WIDE_COLUMNS)
        question = BufferControl(self._filter, input_processors=[BeforeInput(f"/{command} ")])
        listed = Window(
            FormattedTextControl(self._render_list),
            width=lambda: Dimension.exact(self._list_columns()),
            height=lambda: Dimension.exact(self._list_rows()),
        )
        beside = Window(
            FormattedTextControl(lambda: self._render_preview(self._list_rows())), dont_extend_height=True
        )
        below = Window(
            FormattedTextControl(lambda: self._render_preview(_PREVIEW_BELOW_ROWS)), dont_extend_height=True
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
        return _columns() * 9 // 20 if _columns() >= _MIN_WIDE_COLUMNS else _columns()

    def _list_rows(self) -> int:
        other = _OTHER_ROWS + (0 if _columns() >= _MIN_WIDE_COLUMNS else _PREVIEW_BELOW_ROWS)
        return max(1, min(_LIST_ROWS, len(self._all), _rows() - other))

    def _render_list(self) -> StyleAndTextTuples:
        """Return the visible rows, the selected one in reverse video."""
        found, rows, width = self._matches(), self._list_rows(), self._list_columns()
        if not found:
            return [("", set_cell_size("nothing matches", width))]
        first = max(0, min(self._selected - rows // 2, len(found) - rows))
        drawn: StyleAndTextTuples = []
        for number, item in enumerate(found[first : first + rows], first):
            here = number == self._selected
            name = item.value + " " * (self._name_width - cell_len(item.value))
            line = set_cell_size(f"{'›' if here else ' '} {name}  {item.title}", width - 1)
            drawn += [("reverse" if here else "", line), ("", "\n")]
        return drawn[:-1]

    def _render_preview(self, rows: int) -> StyleAndTextTuples:
        found = self._matches()
        if not found:
            return []
        width = max(1, _columns() - (self._list_columns() + 1 if _columns() >= _MIN_WIDE_COLUMNS else 0) - 2)
        lines = _wrap(found[self._selected].preview, width)
        if len(lines) > rows:
            lines = [*lines[: rows - 1], "…"]
        title, *others = lines
        return [("bold", f" {title}"), *(("", f"\n {line}") for line in others)]

    # Keys

    def _build_keys(self) -> KeyBindings:
        keys = KeyBindings()
        for names, step in (
            (("up", "c-p"), -1),
            (("down", "c-n"), 1),
            (("pageup",), -10),
            (("pagedown",), 10),
        ):
            for name in names:
                keys.add(name)(lambda _, step=step: self._select(self._selected + step))

        @keys.add("enter")
        def _accept(event: KeyPressEvent) -> None:
            if found := self._matches():
                event.app.exit(result=found[self._selected].value)

        # Eager: Esc does not wait for a longer key sequence.
        @keys.add("escape", eager=True)
        @keys.add("c-c")
        @keys.add("c-d")
        def _close(event: KeyPressEvent) -> None:
            event.app.exit(result=None)

        return keys


def _strip_controls(item: MenuItem) -> MenuItem:
    return MenuItem(item.value, strip_controls(item.title), strip_controls(item.preview))


def _wrap(text: str, width: int) -> Sequence[str]:
    console = Console(width=width)
    return [line.plain.rstrip() for line in Text(text).wrap(console, width)]


def _columns() -> int:
    return get_app().output.get_size().columns


def _rows() -> int:
    return get_app().output.get_size().rows
