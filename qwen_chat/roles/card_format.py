"""The fields of a character card's JSON, of all three versions, with their types; null counts as missing.

Sources: https://github.com/malfoyslastname/character-card-spec-v2 and
https://github.com/kwaroran/character-card-spec-v3
"""

import sys
from typing import Annotated, Any, TypeVar

from qwen_chat.errors import UsageError
from qwen_chat.files.validation import InvalidValueError, Meta, Struct, convert
from qwen_chat.text import strip_controls, unify_line_breaks

Number = int | Annotated[float, Meta(ge=-sys.float_info.max)]
"""Any number that can be compared: NaN cannot."""

T = TypeVar("T")

_BOUND = 10_000_000
_SEPARATORS = {0x2028: None, 0x2029: None}
"""Line and paragraph separators, at which some programs break lines and others do not."""


class BookEntry(Struct):
    """An entry of a lorebook; some programs write `secondary_keys` as one text with commas."""

    keys: list[str] | None = None
    secondary_keys: list[str] | str | None = None
    content: str | None = None
    enabled: bool | None = None
    constant: bool | None = None
    selective: bool | None = None
    use_regex: bool | None = None
    case_sensitive: bool | None = None
    insertion_order: Number | None = None
    priority: Number | None = None
    position: str | None = None
    name: Any = None
    comment: Any = None


class CharacterBook(Struct):
    """The lorebook of a card."""

    entries: list[BookEntry] | None = None
    scan_depth: Number | None = None
    token_budget: Number | None = None
    recursive_scanning: bool | None = None


class CardData(Struct):
    """The character; `nickname`, `assets` and `group_only_greetings` are of version 3."""

    name: str | None = None
    nickname: str | None = None
    description: str | None = None
    personality: str | None = None
    scenario: str | None = None
    system_prompt: str | None = None
    post_history_instructions: str | None = None
    first_mes: str | None = None
    alternate_greetings: list[str] | None = None
    group_only_greetings: list[str] | None = None
    mes_example: str | None = None
    character_book: CharacterBook | None = None
    creator: str | None = None
    creator_notes: str | None = None
    assets: Any = None
    extensions: Any = None


def convert_card_data(value: object, path: str) -> CardData:
    """Return the character of a card that was parsed as JSON; `path` leads to it in the file.

    Raises: UsageError that names the field that does not fit the format.
    """
    try:
        return convert(value, CardData, path)
    except InvalidValueError as error:
        raise UsageError(f"{error.path} {error.fault}: mend it in a card editor") from None


def clean_text(text: str | None) -> str:
    """Return a text with plain line breaks, without control characters and halves of surrogate pairs."""
    text = strip_controls(unify_line_breaks(text or ""))
    return text.translate(_SEPARATORS).encode(errors="replace").decode()


def clean_line(text: str | None, length: int) -> str:
    """Return a text as one line of at most `length` characters."""
    return " ".join(clean_text(text).split())[:length]


def clamp(number: float | None, default: int, low: int = -_BOUND, high: int = _BOUND) -> int:
    """Return a number as a whole one within limits, or the default where it is missing."""
    return default if number is None else int(max(low, min(high, number)))
