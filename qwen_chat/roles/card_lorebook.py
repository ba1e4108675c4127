"""The lorebook of a character card -> our lore, and what of it is not understood."""

import re
from collections import Counter
from dataclasses import dataclass

from qwen_chat.roles import lorebook
from qwen_chat.roles.card_fields import Fields, clean
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.macros import normalize_macros

_DECORATOR = re.compile(r"^@@+([a-z0-9_]+).*\n?", re.IGNORECASE | re.MULTILINE)
_REGEX_KEY = re.compile(r"/.+/[a-z]*", re.DOTALL)
_DEPTH_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class CardLorebook:
    """What a lorebook adds: lore by keys, texts that always hold, and lines on what is left out.

    `before` and `after` say where, seen from the character's description.
    """

    lorebook: Lorebook
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_card_lorebook(fields: Fields | None) -> CardLorebook:
    """Return what a card's `character_book` says.

    Raises: UsageError naming the field that is not as the format wants it.
    """
    if fields is None:
        return CardLorebook(Lorebook())
    entries = [_Entry(each, number) for number, each in enumerate(fields.objects("entries"), 1)]
    constant = sorted((each for each in entries if each.constant), key=lambda each: each.order)
    keyed = [each.lore() for each in entries if not each.constant]
    book = Lorebook(
        tuple(lore for lore in keyed if lore.text and lore.keys),
        max(0, min(_DEPTH_LIMIT, fields.number("scan_depth", lorebook.DEPTH))),
        max(0, fields.number("token_budget", lorebook.BUDGET)),
    )
    return CardLorebook(
        book,
        tuple(each.text for each in constant if each.first and each.text),
        tuple(each.text for each in constant if not each.first and each.text),
        _notes(fields, entries),
    )


class _Entry:
    """An entry of a lorebook, with what of it is not understood."""

    def __init__(self, fields: Fields, number: int) -> None:
        self._fields = fields
        self.name = _label(fields, number)
        content = clean(fields.text("content"))
        self.decorators = [name.lower() for name in _DECORATOR.findall(content)]
        self.text = normalize_macros(_DECORATOR.sub("", content)).strip()
        self.order = fields.number("insertion_order", lorebook.ORDER)
        self.enabled = fields.switch("enabled", default=True)
        self.by_regex = fields.switch("use_regex", default=False)
        self.constant = fields.switch("constant", default=False) and self.enabled and not self.by_regex
        self.first = fields.text("position") == "before_char"
        self.keys, self.regexes = _keys(fields.texts("keys"))

    @property
    def usable(self) -> bool:
        """Whether something can bring the text up."""
        return bool(self.constant or (self.keys and not self.by_regex))

    def lore(self) -> Lore:
        """Return it as lore; without keys when only regular expressions would bring it up."""
        selective = self._fields.switch("selective", default=False)
        return Lore(
            text=self.text,
            keys=() if self.by_regex else self.keys,
            secondary_keys=_keys(_secondary(self._fields))[0] if selective else (),
            order=self.order,
            priority=self._fields.number("priority", 0),
            case_sensitive=self._fields.switch("case_sensitive", default=False),
            enabled=self.enabled,
        )


def _label(fields: Fields, number: int) -> str:
    said = fields.values.get("name") or fields.values.get("comment")
    short = " ".join(clean(said).split())[:40] if isinstance(said, str) else ""
    return f"{number} ({short})" if short else f"{number}"


def _keys(given: list[str]) -> tuple[tuple[str, ...], bool]:
    """Return the keys that are texts, and whether others are regular expressions."""
    texts = [normalize_macros(clean(key)).strip() for key in given]
    plain = tuple(key for key in texts if key and not _REGEX_KEY.fullmatch(key))
    return plain, any(_REGEX_KEY.fullmatch(key) for key in texts)


def _secondary(fields: Fields) -> list[str]:
    value = fields.values.get("secondary_keys")
    return value.split(",") if isinstance(value, str) else fields.texts("secondary_keys")


def _notes(fields: Fields, entries: list[_Entry]) -> tuple[str, ...]:
    notes = []
    spoken = [each for each in entries if each.text]
    for each in spoken:
        if (each.by_regex or each.regexes) and not each.usable:
            notes.append(f"left out: lore {each.name}, its keys are regular expressions")
        elif each.regexes and not each.constant:
            notes.append(f"left out: the keys of lore {each.name} that are regular expressions")
        elif not each.usable:
            why = "it has no keys" if each.enabled else "it is switched off"
            notes.append(f"left out: lore {each.name}, {why}")
    used = Counter(name for each in spoken for name in dict.fromkeys(each.decorators))
    notes += [f"not followed: @@{name} in {count} of the lore" for name, count in sorted(used.items())]
    if fields.switch("recursive_scanning", default=False):
        notes.append("not followed: lore is looked for in what is said, not in other lore")
    if any(each.first and not each.constant for each in spoken):
        notes.append(
            "lore by keys stands at the end of the system prompt, also where the card wants it first"
        )
    return tuple(notes)
