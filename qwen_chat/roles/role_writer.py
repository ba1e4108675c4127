"""A role -> its TOML file, as a person would write it, whole or not at all."""

import os
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from qwen_chat.errors import StoreError, UsageError
from qwen_chat.files import toml as toml_file
from qwen_chat.files.paths import private_dir
from qwen_chat.roles import lorebook, own_roles_dir
from qwen_chat.roles import role_file as files
from qwen_chat.roles.lorebook import Lore
from qwen_chat.roles.probes import Probe
from qwen_chat.roles.role import Role

_TOP = ("title", "use", "language", "character", "system", "greeting", "alternate_greetings", "examples")


def keep(preset: Role, name: str, comment: str = "") -> tuple[Role, Path]:
    """Write a role of the user's own under a name, in place of one that is there; return it as it is read.

    Raises: UsageError when it could not be read again, or the file cannot be written.
    """
    if not files.is_name(name):  # so that no name leads out of the folder
        raise UsageError(f"{name!r}: a role's name has only small letters, digits, - and _")
    target = own_roles_dir() / f"{name}.toml"
    text = to_toml(preset, comment)
    if len(text.encode()) > toml_file.SIZE_LIMIT:
        raise UsageError(f"its texts are longer than {toml_file.SIZE_LIMIT:,} bytes: shorten them")
    kept = files.from_toml(toml_file.parse(target, text))
    _write(target, text)
    return kept, target


def to_toml(preset: Role, comment: str = "") -> str:
    """Return the file of a role, `comment` as its first line; what is as it would be anyway is left out."""
    import tomli_w

    def written(values: dict[str, Any]) -> str:
        return tomli_w.dumps(values, multiline_strings=True)

    top = {name: value for name in _TOP if (value := getattr(preset, name))}
    book = preset.lorebook
    if book.depth != lorebook.DEPTH:
        top["lore_depth"] = book.depth
    if book.budget != lorebook.BUDGET:
        top["lore_budget"] = book.budget
    parts = [f"# {comment}\n" if comment else "", written(top)]
    if sampling := preset.sampling.chosen():
        parts.append(f"\n[sampling]\n{written(sampling)}")
    parts += [f"\n[[lore]]\n{written(_changed(entry))}" for entry in book.entries]
    parts += [f"\n[[probes]]\n{written(_changed(probe))}" for probe in preset.probes]
    return "".join(parts)


def _changed(value: Lore | Probe) -> dict[str, Any]:
    """Return the fields that are not as they would be anyway."""
    standard = {item.name: item.default for item in fields(value)}
    return {name: said for name, said in asdict(value).items() if said != standard[name]}


def _write(target: Path, text: str) -> None:
    """Write the whole file or none."""
    try:
        private_dir(target.parent)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8", newline="\n")
            beside.replace(target)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    except StoreError:
        raise UsageError(f"cannot make the folder {target.parent}: make it") from None
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from None
