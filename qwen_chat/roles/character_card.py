"""Character cards -> roles: what a JSON object of version 1, 2 or 3 says, and what of it is not understood.

Sources: https://github.com/malfoyslastname/character-card-spec-v2 and
https://github.com/kwaroran/character-card-spec-v3
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.roles.card_fields import Fields, clean
from qwen_chat.roles.card_lorebook import CardLorebook, read_card_lorebook
from qwen_chat.roles.lorebook import estimated_tokens
from qwen_chat.roles.macros import normalize_macros, unknown_macros
from qwen_chat.roles.role import Role
from qwen_chat.text import plural

SPECS = {"chara_card_v2": 2.0, "chara_card_v3": 3.0}
"""The formats besides the first, which has no name, and their versions."""

LARGE_TOKENS = 2000

_FALLBACK = (
    "You are {{char}} in a role play with {{user}}. Write what {{char}} says and does next. "
    "Stay in character, and leave to {{user}} what {{user}} says and does."
)
_START = re.compile(r"^[ \t]*<START>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_TITLE_LENGTH = 100
_NOTES_LENGTH = 300


@dataclass(frozen=True, slots=True)
class CharacterCard:
    """A card as a role without a file, and lines on what a person should know of it."""

    role: Role
    creator: str
    notes: tuple[str, ...]


def read_card(value: object) -> CharacterCard:
    """Return the role of a card that was parsed as JSON.

    Raises: UsageError naming the field that is not as the format wants it.
    """
    fields = _data(value)
    title = " ".join(clean(fields.text("name")).split())[:_TITLE_LENGTH]
    if not title:
        raise UsageError("the card has no name: give it one in a card editor")
    book = read_card_lorebook(fields.fields("character_book"))
    beginnings = (fields.text("first_mes"), *fields.texts("alternate_greetings"))
    greetings = list(filter(None, map(_told, beginnings)))
    role = Role(
        name="",
        title=title,
        system=_system(fields, book),
        use="role play",
        greeting=greetings[0] if greetings else "",
        alternate_greetings=tuple(greetings[1:]),
        character=" ".join(clean(fields.text("nickname")).split())[:_TITLE_LENGTH] or title,
        lorebook=book.lorebook,
    )
    creator = " ".join(clean(fields.text("creator")).split())[:_TITLE_LENGTH]
    notes = filter(None, (_version_note(value), _maker_note(fields), *_notes(role), *_left_out(fields)))
    return CharacterCard(role, creator, (*notes, *book.notes))


def _data(value: object) -> Fields:
    if not isinstance(value, Mapping):
        raise UsageError("it is JSON, but no character card: a card is an object with a name")
    top = Fields(value)
    spec = value.get("spec")
    if isinstance(spec, str) and spec in SPECS:
        data = top.fields("data")
        if data is None:
            raise UsageError(f"it says {spec}, but has no data: export the card again")
        return data
    if isinstance(spec, str):
        raise UsageError(f"its spec is {clean(spec)[:40]!r}: cards of {' and '.join(SPECS)} are read")
    if "name" in value and not value.keys().isdisjoint({"description", "first_mes", "personality"}):
        return top
    raise UsageError("it is JSON, but no character card: it has neither a spec nor a name and a description")


def _version_note(value: object) -> str:
    version = _nested(value, "spec_version")
    latest = SPECS.get(str(_nested(value, "spec")), math.inf)
    try:
        newer = isinstance(version, str | int | float) and float(version) > latest
    except (ValueError, OverflowError):
        newer = False
    said = clean(str(version))[:20]
    return f"made for version {said} of the format: what is new in it is left out" if newer else ""


def _system(fields: Fields, book: CardLorebook) -> str:
    """Return the system prompt in the order that the format gives its parts."""
    parts = [
        _told(fields.text("system_prompt")) or _FALLBACK,
        *book.before,
        _told(fields.text("description")),
        _headed("Personality: ", _told(fields.text("personality"))),
        _headed("Scenario: ", _told(fields.text("scenario"))),
        *book.after,
        _headed("Example dialogue:\n", _dialogue(fields.text("mes_example"))),
        _told(fields.text("post_history_instructions")),
    ]
    return "\n\n".join(filter(None, parts))


def _told(text: str) -> str:
    return normalize_macros(clean(text)).strip()


def _headed(heading: str, text: str) -> str:
    return heading + text if text else ""


def _dialogue(text: str) -> str:
    """Return example dialogues with a line --- between them."""
    parts = (part.strip() for part in _START.split(_told(text)))
    return "\n---\n".join(filter(None, parts))


def _maker_note(fields: Fields) -> str:
    """Return the first paragraph of what a card's maker wants people to read."""
    said = normalize_macros(clean(fields.text("creator_notes"))).strip().split("\n\n")[0]
    short = " ".join(said.split())
    short = short if len(short) <= _NOTES_LENGTH else short[:_NOTES_LENGTH] + "…"
    return f"its maker says: {short}" if short else ""


def _notes(role: Role) -> list[str]:
    notes = []
    if (tokens := estimated_tokens(role.system)) > LARGE_TOKENS:
        notes.append(f"its system prompt has about {tokens:,} tokens: the context must be far larger")
    texts = (role.system, *role.greetings, *(entry.text for entry in role.lorebook.entries))
    if names := unknown_macros("\n".join(texts)):
        shown = ", ".join("{{" + name + "}}" for name in names[:8])
        notes.append(f"not filled in, only {{{{user}}}} and {{{{char}}}} are: {shown}")
    return notes


def _left_out(fields: Fields) -> list[str]:
    notes = []
    if group := len(fields.texts("group_only_greetings")):
        notes.append(f"left out: {plural(group, 'greeting')} for group chats")
    assets = fields.values.get("assets")
    listed = assets if isinstance(assets, list) else []
    if own := sum(_nested(each, "uri") != "ccdefault:" for each in listed):
        notes.append(f"left out: {plural(own, 'picture')} or other assets")
    depth_prompt = _nested(fields.values, "extensions", "depth_prompt", "prompt")
    if isinstance(depth_prompt, str) and depth_prompt.strip():
        notes.append("left out: its note at a depth of the chat (depth_prompt)")
    return notes


def _nested(values: object, *names: str) -> Any:  # noqa: ANN401 - whatever the card says
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
