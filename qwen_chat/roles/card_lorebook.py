"""Converts the lorebook of a character card, and notes what of it is not understood."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from qwen_chat.roles import lorebook
from qwen_chat.roles.card_format import BookEntry, CharacterBook, clamp, clean_line, clean_text
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.macros import normalize_macros

_DECORATOR = re.compile(r"^@@+([a-z0-9_]+).*\n?", re.IGNORECASE | re.MULTILINE)
_REGEX_KEY = re.compile(r"/.+/[a-z]*", re.DOTALL)
_DEPTH_LIMIT = 1000
_NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class CardLorebook:
    """The lore with keys, the texts that always hold, and notes on what is left out.

    The texts of `before` stand before the character's description, those of `after` behind it.
    """

    lorebook: Lorebook
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def convert_card_lorebook(book: CharacterBook | None) -> CardLorebook:
    """Return the lore of a card's `character_book`."""
    if book is None:
        return CardLorebook(Lorebook())
    entries = [_Entry(each, number) for number, each in enumerate(book.entries or [], 1)]
    constant = sorted((each for each in entries if each.constant and each.text), key=lambda each: each.order)
    return CardLorebook(
        _convert_keyed(book, entries),
        tuple(each.text for each in constant if each.first),
        tuple(each.text for each in constant if not each.first),
        tuple(_notes(book, [each for each in entries if each.text])),
    )


def _convert_keyed(book: CharacterBook, entries: "list[_Entry]") -> Lorebook:
    keyed = [each.to_lore() for each in entries if not each.constant]
    return Lorebook(
        tuple(lore for lore in keyed if lore.text and lore.keys),
        clamp(book.scan_depth, lorebook.DEPTH, 0, _DEPTH_LIMIT),
        clamp(book.token_budget, lorebook.BUDGET, 0),
    )


class _Entry:
    """An entry of a lorebook, with what of it is not understood."""

    def __init__(self, entry: BookEntry, number: int) -> None:
        content = clean_text(entry.content)
        self._entry = entry
        self.name = _label(entry, number)
        self.decorators = [name.lower() for name in _DECORATOR.findall(content)]
        self.text = normalize_macros(_DECORATOR.sub("", content)).strip()
        self.order = clamp(entry.insertion_order, lorebook.ORDER)
        self.enabled = entry.enabled is not False
        self.by_regex = bool(entry.use_regex)
        self.constant = bool(entry.constant) and self.enabled and not self.by_regex
        self.first = entry.position == "before_char"
        self.keys, self.has_regex_keys = _split_keys(entry.keys or [])

    @property
    def usable(self) -> bool:
        """Whether something can bring the text up."""
        return bool(self.constant or (self.keys and not self.by_regex))

    def to_lore(self) -> Lore:
        """Return the lore; it has no keys when only regular expressions would bring it up."""
        return Lore(
            text=self.text,
            keys=() if self.by_regex else self.keys,
            secondary_keys=_secondary_keys(self._entry) if self._entry.selective else (),
            order=self.order,
            priority=clamp(self._entry.priority, 0),
            case_sensitive=bool(self._entry.case_sensitive),
            enabled=self.enabled,
        )

    def note(self) -> str:
        """Return what of its keys is left out, "" for nothing."""
        if (self.by_regex or self.has_regex_keys) and not self.usable:
            return f"left out: lore {self.name}, its keys are regular expressions"
        if self.has_regex_keys and not self.constant:
            return f"left out: the keys of lore {self.name} that are regular expressions"
        if self.usable:
            return ""
        return f"left out: lore {self.name}, {'it has no keys' if self.enabled else 'it is switched off'}"


def _label(entry: BookEntry, number: int) -> str:
    name = entry.name or entry.comment
    short = clean_line(name, _NAME_LENGTH) if isinstance(name, str) else ""
    return f"{number} ({short})" if short else f"{number}"


def _split_keys(given: list[str]) -> tuple[tuple[str, ...], bool]:
    """Return the keys that are texts, and whether others are regular expressions."""
    texts = [normalize_macros(clean_text(key)).strip() for key in given]
    plain = tuple(key for key in texts if key and not _REGEX_KEY.fullmatch(key))
    return plain, any(_REGEX_KEY.fullmatch(key) for key in texts)


def _secondary_keys(entry: BookEntry) -> tuple[str, ...]:
    given = entry.secondary_keys or []
    return _split_keys(given.split(",") if isinstance(given, str) else given)[0]


def _notes(book: CharacterBook, entries: list[_Entry]) -> Iterator[str]:
    yield from filter(None, (each.note() for each in entries))
    used = Counter(name for each in entries for name in dict.fromkeys(each.decorators))
    yield from (f"not followed: @@{name} in {count} of the lore" for name, count in sorted(used.items()))
    if book.recursive_scanning:
        yield "not followed: lore is looked for in what is said, not in other lore"
    if any(each.first and not each.constant for each in entries):
        yield "lore by keys stands at the end of the system prompt, also where the card wants it first"
