"""Turns odd values of a card, which some editors write, into those of the format; notes what is unusable."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from qwen_chat.text import plural

_EMPTY: tuple[Any, ...] = (None, "", [], {})
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_COMMAS = re.compile(r"[,，、]")

_WORLD_INFO = {
    "key": "keys",
    "keysecondary": "secondary_keys",
    "order": "insertion_order",
    "caseSensitive": "case_sensitive",
    "scanDepth": "scan_depth",
    "tokenBudget": "token_budget",
    "recursiveScanning": "recursive_scanning",
}
"""The names that SillyTavern's own lorebooks have for the fields of the format."""

Notes = list[str]
_Reader = Callable[[Any], Any]


class _UnusableError(ValueError):
    """No value of the type can be made of a value."""


def repair_card(data: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Return the fields of a card with values of their types; `notes` gets those that are left out."""
    known = _repair(data, _CARD_FIELDS, "", notes)
    book = data.get("character_book")
    if isinstance(book, Mapping):
        known["character_book"] = _repair_book(book, notes)
    elif book not in _EMPTY:
        notes.append("left out: character_book, which is no object")
    return {**known, **{name: data[name] for name in ("assets", "extensions") if name in data}}


def _repair_book(book: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    book = _rename(book)
    known = _repair(book, _BOOK_FIELDS, "character_book.", notes)
    entries = book.get("entries")
    given = list(entries.values()) if isinstance(entries, Mapping) else entries or []
    if not isinstance(given, list):
        notes.append("left out: character_book.entries, which is no list")
        return known
    usable = [(number, each) for number, each in enumerate(given, 1) if isinstance(each, Mapping)]
    if odd := len(given) - len(usable):
        notes.append(f"left out: {plural(odd, 'piece')} of lore that {'is' if odd == 1 else 'are'} no object")
    return {**known, "entries": [_repair_entry(entry, number, notes) for number, entry in usable]}


def _repair_entry(entry: Mapping[str, Any], number: int, notes: Notes) -> dict[str, Any]:
    entry = _rename(entry)
    if "disable" in entry and "enabled" not in entry:
        entry["enabled"] = not entry["disable"]
    if "uid" in entry and not isinstance(entry.get("position"), str):
        entry["position"] = "after_char" if entry.get("position") else "before_char"
    known = _repair(entry, _ENTRY_FIELDS, f"lore {number}, ", notes)
    return {**known, **{name: entry[name] for name in ("name", "comment") if name in entry}}


def _rename(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**{_WORLD_INFO[name]: value for name, value in fields.items() if name in _WORLD_INFO}, **fields}


def _repair(
    fields: Mapping[str, Any], readers: Mapping[str, _Reader], place: str, notes: Notes
) -> dict[str, Any]:
    known = {}
    for name, read in readers.items():
        if (value := fields.get(name)) in _EMPTY:
            continue
        try:
            known[name] = read(value)
        except _UnusableError as error:
            notes.append(f"left out: {place}{name}, which is {error}")
    return known


def _read_text(value: object) -> str:
    if isinstance(value, bool | Mapping):
        raise _UnusableError("no text")
    if isinstance(value, list):
        return "\n".join(_read_text(each) for each in value if each is not None)
    return str(value)


def _read_texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    given = value if isinstance(value, list) else [value]
    return [_read_text(each) for each in given if each not in _EMPTY]


def _read_keys(value: object) -> list[str]:
    return [key.strip() for key in _COMMAS.split(value)] if isinstance(value, str) else _read_texts(value)


def _read_number(value: object) -> float:
    if isinstance(value, bool | Mapping | list):
        raise _UnusableError("no number")
    try:
        number = float(str(value))
    except ValueError:
        raise _UnusableError("no number") from None
    if not math.isfinite(number):
        raise _UnusableError("no number")
    return number


def _read_flag(value: object) -> bool:
    text = str(value).strip().lower()
    if isinstance(value, bool | int | float | str) and text in (*_TRUE, *_FALSE, "1.0", "0.0"):
        return text in (*_TRUE, "1.0")
    raise _UnusableError("neither true nor false")


def _readers(**names: str) -> dict[str, _Reader]:
    return {name: _READERS[kind] for kind, listed in names.items() for name in listed.split()}


_READERS: dict[str, _Reader] = {
    "texts": _read_text,
    "lists": _read_texts,
    "keys": _read_keys,
    "numbers": _read_number,
    "flags": _read_flag,
}

_CARD_FIELDS = _readers(
    texts="name nickname description personality scenario system_prompt post_history_instructions first_mes "
    "mes_example creator creator_notes",
    lists="alternate_greetings group_only_greetings",
)
_BOOK_FIELDS = _readers(numbers="scan_depth token_budget", flags="recursive_scanning")
_ENTRY_FIELDS = _readers(
    texts="content position",
    keys="keys secondary_keys",
    numbers="insertion_order priority",
    flags="enabled constant selective use_regex case_sensitive",
)
