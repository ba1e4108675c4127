"""Imports a character card: reads its picture or JSON file and writes it as one of the user's own roles."""

import binascii
import re
import unicodedata
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_bytes
from qwen_chat.files.json import JsonSyntaxError, parse_json
from qwen_chat.roles import own_roles_dir, photo, png, role_names
from qwen_chat.roles.character_card import CharacterCard, read_card
from qwen_chat.roles.role import Role
from qwen_chat.roles.role_file import is_role_name
from qwen_chat.roles.role_writer import write_role
from qwen_chat.text import blank_unprintable, plural

SIZE_LIMIT = 16 * 2**20
"""The most bytes of a card, its picture included."""

_CHUNKS = ("ccv3", "chara")
_NO_CHARACTER = "the picture holds no character: take the PNG that the card's editor exported"
_NAME_LENGTH = 60
_OTHER_FORMATS = {
    b"PK\x03\x04": "a CharX file",
    b"GIF8": "a GIF picture",
}


@dataclass(frozen=True, slots=True)
class ImportedCard:
    """The role that a card became, its file, and notes on what was left out or not understood."""

    role: Role
    path: Path
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Return what was imported, then one line for each note."""
        entries = self.role.lorebook.entries
        parts = [plural(len(self.role.greetings), "greeting")]
        parts += [f"{len(entries)} lore by keys"] if entries else []
        head = f"{self.role.title} is the role {self.role.name} now ({', '.join(parts)}): {self.path}"
        return "\n".join([head, *(f"  {note}" for note in self.notes)])


def import_card(path: Path, name: str | None = None, *, overwrite: bool = False) -> ImportedCard:
    """Write a card as a role; without `name` the role is named after the card's title.

    Raises: UsageError for a faulty card, or when the role exists and `overwrite` is not set.
    """
    card = read_card_file(path, str(path))
    chosen = role_name_from(card.role.title, path.name) if name is None else name
    if chosen is None:
        raise UsageError(
            f"no file can be called {card.role.title!r}: give the role a name of small letters with --name"
        )
    if not is_role_name(chosen):
        raise UsageError(f"--name {chosen}: a role's name has only small letters, digits, - and _")
    if not overwrite:
        _check_name_is_free(chosen)
    return write_card_role(card, chosen, path.name)


def write_card_role(card: CharacterCard, name: str, file: str) -> ImportedCard:
    """Write a card as the role `name`, replacing an existing one; `file` is the card's file name.

    Raises: UsageError.
    """
    comment = " ".join([f"From the character card {file}", *([f"by {card.creator}"] if card.creator else [])])
    role, path = write_role(card.role, name, blank_unprintable(comment))
    return ImportedCard(role, path, card.notes)


def read_card_file(path: Path, name: str) -> CharacterCard:
    """Return the card in a picture or JSON file; `name` is what a person calls the file.

    Raises: UsageError that names the file, the fault and the mend.
    """
    data = read_bytes(path, SIZE_LIMIT, "save the card with a smaller picture", name=name)
    try:
        return parse_card(data)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None


def parse_card(data: bytes) -> CharacterCard:
    """Return the card in the content of a picture (PNG, JPEG, WebP) or a JSON file.

    Raises: UsageError that names the fault and the mend.
    """
    other = next((kind for begin, kind in _OTHER_FORMATS.items() if data.startswith(begin)), None)
    if other is not None:
        raise UsageError(f"it is {other}: export the card as PNG or JSON")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return read_card(_parse_json(data, "it"))
    if data.startswith((photo.JPEG, photo.RIFF)):
        return read_card(_find_in_photo(data))
    if b"PNG" not in data[: len(png.SIGNATURE)]:
        raise UsageError("it is neither a picture nor JSON: take the file that the card's editor exported")
    return read_card(_read_embedded_json(png.read_texts(data)))


def role_name_from(title: str, file: str) -> str | None:
    """Return a role name made from a card's title, or else its file name; None when neither has letters."""
    for text in (title, Path(file).stem):
        words = re.split(r"[^\w]+", _strip_accents(text).lower())
        name = "-".join(filter(None, words))[:_NAME_LENGTH].strip("-_")
        if is_role_name(name):
            return name
    return None


def _strip_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize(
        "NFC", "".join(each for each in decomposed if not unicodedata.combining(each))
    )


def _read_embedded_json(texts: dict[str, bytes]) -> object:
    chunk = next((name for name in _CHUNKS if name in texts), None)
    if chunk is None:
        raise UsageError(_NO_CHARACTER)
    text = texts[chunk].strip()
    if text.startswith(b"{"):
        return _parse_json(text, f"its {chunk} chunk")
    try:
        data = b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"its {chunk} chunk is not base64: export the card again") from None
    return _parse_json(data, f"its {chunk} chunk")


def _find_in_photo(data: bytes) -> object:
    for text in photo.find_json(data):
        with suppress(JsonSyntaxError):
            return parse_json(text)
    raise UsageError(_NO_CHARACTER)


def _parse_json(data: bytes, what: str) -> object:
    try:
        return parse_json(data)
    except JsonSyntaxError as error:
        raise UsageError(f"{what} is {error}: save the card again") from None


def _check_name_is_free(name: str) -> None:
    if (own_roles_dir() / f"{name}.toml").exists():
        raise UsageError(f"there is a role {name} already: give another --name, or --overwrite")
    if name in role_names():
        raise UsageError(
            f"a role {name} is built in: give another --name, or --overwrite to have yours instead"
        )
