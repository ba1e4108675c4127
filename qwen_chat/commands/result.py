"""What commands return: text, a turn to show, tokens, a menu, or an action of the front end."""

from dataclasses import dataclass
from typing import Literal

from qwen_chat.message import Token
from qwen_chat.session.turn import Turn


@dataclass(frozen=True, slots=True)
class TokenListing:
    """Tokens in sections, each with a heading; `detailed` asks for ids and bytes."""

    sections: tuple[tuple[str, tuple[Token, ...]], ...]
    detailed: bool = False


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An item of a menu: the value that is picked, its title, and a preview of several lines."""

    value: str
    title: str
    preview: str


@dataclass(frozen=True, slots=True)
class Menu:
    """A list to pick from; the front end then runs `command` with the picked value."""

    command: str
    items: tuple[MenuItem, ...]
    current: str = ""
    notes: tuple[str, ...] = ()
    """Notices to show beside the menu."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: a text, a turn to show, or an action that only a front end can do."""

    text: str = ""
    turn: Turn | None = None
    action: Literal["exit", "clear screen", "compose", "open page"] | None = None
    number: int = 0
    """For "compose": the number of the message whose new text is composed, or 0 for a new message."""
    tokens: TokenListing | None = None
    """Tokens to show above the text."""
    menu: Menu | None = None
    """A menu, for front ends that can show one; the text lists the same items."""
