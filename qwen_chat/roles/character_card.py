"""Converts a character card of version 1, 2 or 3 to a role, and notes what of it is not understood."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.roles.card_format import CardData, clean_line, clean_text, convert_card_data
from qwen_chat.roles.card_lorebook import CardLorebook, convert_card_lorebook
from qwen_chat.roles.card_repair import repair_card
from qwen_chat.roles.lorebook import estimated_tokens
from qwen_chat.roles.macros import normalize_macros, unknown_macros
from qwen_chat.roles.role import Role
from qwen_chat.text import plural

FORMATS = {"chara_card_v2": 2.0, "chara_card_v3": 3.0}
"""The names of the formats besides the first, which has none, and their versions."""

LARGE_TOKENS = 2000
"""A longer system prompt is noted."""

_FALLBACK = (
    "You are {{char}} in a role play with {{user}}. Write what {{char}} says and does next. "
    "Stay in character, and leave to {{user}} what {{user}} says and does."
)
_START = re.compile(r"^[ \t]*<START>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_TITLE_LENGTH = 100
_NOTES_LENGTH = 300


@dataclass(frozen=True, slots=True)
class CharacterCard:
    """A card as a role that has no name yet, and notes on what a person should know of it."""

    role: Role
    creator: str
    notes: tuple[str, ...]


def read_card(value: object) -> CharacterCard:
    """Return the card of a value that was parsed as JSON.

    Raises: UsageError that names the field that does not fit the format.
    """
    odd: list[str] = []
    data = _find_data(value, odd)
    book = convert_card_lorebook(data.character_book)
    role = _convert_role(data, book)
    notes = (_version_note(value), _creator_note(data), *odd, *_role_notes(role), *_left_out_notes(data))
    return CharacterCard(role, clean_line(data.creator, _TITLE_LENGTH), (*filter(None, notes), *book.notes))


def _find_data(value: object, notes: list[str]) -> CardData:
    if not isinstance(value, Mapping):
        raise UsageError("it is JSON, but no character card: a card is an object with a name")
    spec = value.get("spec")
    if isinstance(spec, str):
        _check_format(spec, value)
        if not isinstance(value["data"], Mapping):
            raise UsageError("its data are no object: export the card again")
        return convert_card_data(repair_card(value["data"], notes), "data")
    if "name" in value and not value.keys().isdisjoint({"description", "first_mes", "personality"}):
        return convert_card_data(repair_card(value, notes), "")
    raise UsageError("it is JSON, but no character card: it has neither a spec nor a name and a description")


def _check_format(spec: str, value: Mapping[str, Any]) -> None:
    if spec not in FORMATS:
        raise UsageError(f"its spec is {clean_text(spec)[:40]!r}: cards of {' and '.join(FORMATS)} are read")
    if value.get("data") is None:
        raise UsageError(f"it says {spec}, but has no data: export the card again")


def _convert_role(data: CardData, book: CardLorebook) -> Role:
    title = clean_line(data.name, _TITLE_LENGTH)
    if not title:
        raise UsageError("the card has no name: give it one in a card editor")
    beginnings = (data.first_mes, *(data.alternate_greetings or []))
    greetings = list(filter(None, map(_convert_text, beginnings)))
    return Role(
        name="",
        title=title,
        system=_system_prompt(data, book),
        use="role play",
        greeting=greetings[0] if greetings else "",
        alternate_greetings=tuple(greetings[1:]),
        character=clean_line(data.nickname, _TITLE_LENGTH) or title,
        lorebook=book.lorebook,
    )


def _system_prompt(data: CardData, book: CardLorebook) -> str:
    """Return the system prompt, its parts in the order of the format."""
    parts = [
        _convert_text(data.system_prompt) or _FALLBACK,
        *book.before,
        _convert_text(data.description),
        _add_heading("Personality: ", _convert_text(data.personality)),
        _add_heading("Scenario: ", _convert_text(data.scenario)),
        *book.after,
        _add_heading("Example dialogue:\n", _separate_dialogues(data.mes_example)),
        _convert_text(data.post_history_instructions),
    ]
    return "\n\n".join(filter(None, parts))


def _convert_text(text: str | None) -> str:
    return normalize_macros(clean_text(text)).strip()


def _add_heading(heading: str, text: str) -> str:
    return heading + text if text else ""


def _separate_dialogues(text: str | None) -> str:
    """Return example dialogues with a line --- between them."""
    parts = (part.strip() for part in _START.split(_convert_text(text)))
    return "\n---\n".join(filter(None, parts))


def _version_note(value: object) -> str:
    version = _get_nested(value, "spec_version")
    latest = FORMATS.get(str(_get_nested(value, "spec")), math.inf)
    try:
        newer = isinstance(version, str | int | float) and float(version) > latest
    except (ValueError, OverflowError):
        newer = False
    shown = clean_text(str(version))[:20]
    return f"made for version {shown} of the format: what is new in it is left out" if newer else ""


def _creator_note(data: CardData) -> str:
    """Return the first paragraph of what the card's creator wants people to read."""
    paragraph = " ".join(_convert_text(data.creator_notes).split("\n\n")[0].split())
    short = paragraph if len(paragraph) <= _NOTES_LENGTH else paragraph[:_NOTES_LENGTH] + "…"
    return f"its maker says: {short}" if short else ""


def _role_notes(role: Role) -> Iterator[str]:
    if (tokens := estimated_tokens(role.system)) > LARGE_TOKENS:
        yield f"its system prompt has about {tokens:,} tokens: the context must be far larger"
    texts = (role.system, *role.greetings, *(entry.text for entry in role.lorebook.entries))
    if names := unknown_macros("\n".join(texts)):
        shown = ", ".join("{{" + name + "}}" for name in names[:8])
        yield f"not filled in, only {{{{user}}}} and {{{{char}}}} are: {shown}"


def _left_out_notes(data: CardData) -> Iterator[str]:
    if group := len(data.group_only_greetings or []):
        yield f"left out: {plural(group, 'greeting')} for group chats"
    assets = data.assets if isinstance(data.assets, list) else []
    if own := sum(_get_nested(each, "uri") != "ccdefault:" for each in assets):
        yield f"left out: {plural(own, 'picture')} or other assets"
    depth_prompt = _get_nested(data.extensions, "depth_prompt", "prompt")
    if isinstance(depth_prompt, str) and depth_prompt.strip():
        yield "left out: its note at a depth of the chat (depth_prompt)"


def _get_nested(values: object, *names: str) -> Any:  # noqa: ANN401 - whatever the card says
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
