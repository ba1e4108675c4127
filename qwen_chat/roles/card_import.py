"""A character card's file -> a role of the user's own."""

import binascii
import json
import re
import unicodedata
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.files import text as text_file
from qwen_chat.roles import own_roles_dir, png, role_names
from qwen_chat.roles import role_file as files
from qwen_chat.roles.character_card import Card, read_card
from qwen_chat.roles.role import Role
from qwen_chat.roles.role_writer import keep

SIZE_LIMIT = 16 * 2**20
"""Bytes of a card, its picture included."""

_CHUNKS = ("ccv3", "chara")
_OTHERS = {
    b"PK\x03\x04": "a CharX file",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a WebP picture",
    b"GIF8": "a GIF picture",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """A card that is a role now, the file it is in, and what a person should know of it."""

    preset: Role
    path: Path
    notes: tuple[str, ...]

    @property
    def report(self) -> str:
        """Say in a few lines what was imported, and what was not."""
        preset, entries = self.preset, self.preset.lorebook.entries
        parts = [f"{len(preset.greetings)} greeting{'s' * (len(preset.greetings) != 1)}"]
        parts += [f"{len(entries)} lore by keys"] if entries else []
        head = f"{preset.title} is the role {preset.name} now ({', '.join(parts)}): {self.path}"
        return "\n".join([head, *(f"  {note}" for note in self.notes)])


def import_card(path: Path, name: str | None = None, *, overwrite: bool = False) -> Imported:
    """Make a role of a card; its name is made of the card's unless one is given.

    Raises: UsageError for what is no whole card, or where a role of that name is and not to be replaced.
    """
    card = read_file(path)
    chosen = name_for(card.preset.title, path.name) if name is None else name
    if chosen is None:
        raise UsageError(
            f"no file can be called {card.preset.title!r}: give the role a name of small letters with --name"
        )
    if not files.is_name(chosen):
        raise UsageError(f"--name {chosen}: a role's name has only small letters, digits, - and _")
    if not overwrite:
        _check_free(chosen, own_roles_dir() / f"{chosen}.toml")
    return keep_card(card, chosen, path.name)


def keep_card(card: Card, name: str, file: str) -> Imported:
    """Write the role of a card under a name, in place of one that is there; `file` is what it came from.

    Raises: UsageError.
    """
    comment = " ".join([f"From the character card {file}", *([f"by {card.creator}"] if card.creator else [])])
    preset, path = keep(card.preset, name, _line(comment))
    return Imported(preset, path, card.notes)


def read_file(path: Path) -> Card:
    """Return the card in a PNG or JSON file.

    Raises: UsageError naming the file, the fault and the mend.
    """
    data = text_file.read_bytes(path, SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise UsageError(
            f"{path} is larger than {SIZE_LIMIT // 2**20} MiB: save the card with a smaller picture"
        )
    try:
        return parse(data)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parse(data: bytes) -> Card:
    """Return the card that the bytes of a PNG or JSON file hold.

    Raises: UsageError naming the fault and the mend.
    """
    other = next((kind for begin, kind in _OTHERS.items() if data.startswith(begin)), None)
    if other is not None:
        raise UsageError(f"it is {other}: export the card as PNG or JSON")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return read_card(_json(data, "it"))
    if b"PNG" not in data[: len(png.SIGNATURE)]:
        raise UsageError("it is neither PNG nor JSON: take the file that the card's editor exported")
    return read_card(_embedded(png.texts(data)))


def _embedded(texts: dict[str, bytes]) -> object:
    chunk = next((name for name in _CHUNKS if name in texts), None)
    if chunk is None:
        raise UsageError("the picture holds no character: take the PNG that the card's editor exported")
    try:
        data = b64decode(b"".join(texts[chunk].split()), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"its {chunk} chunk is not base64: export the card again") from None
    return _json(data, f"its {chunk} chunk")


def _json(data: bytes, what: str) -> object:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"{what} is not UTF-8: save the card again") from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{what} is not JSON ({error.msg} at line {error.lineno}): save the card again"
        ) from None
    except (ValueError, RecursionError):
        raise UsageError(f"{what} is not JSON that can be read: save the card again") from None


def name_for(title: str, file: str) -> str | None:
    """Return a name for a role, made of a card's title, else of its file's; None when neither can be one."""
    for text in (title, Path(file).stem):
        plain = unicodedata.normalize("NFKD", text)
        plain = unicodedata.normalize(
            "NFC", "".join(mark for mark in plain if not unicodedata.combining(mark))
        )
        words = re.split(r"[^\w]+", plain.lower())
        name = "-".join(filter(None, words))[:60].strip("-_")
        if files.is_name(name):
            return name
    return None


def _check_free(name: str, target: Path) -> None:
    if target.exists():
        raise UsageError(f"there is a role {name} already: give another --name, or --overwrite")
    if name in role_names():
        raise UsageError(
            f"a role {name} is built in: give another --name, or --overwrite to have yours instead"
        )


def _line(text: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in text)
