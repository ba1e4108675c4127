"""Writes a role as a TOML file, laid out as a person would write it."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from qwen_chat.errors import StoreError, UsageError
from qwen_chat.files import toml
from qwen_chat.files.atomic_write import write_atomic
from qwen_chat.files.paths import private_dir
from qwen_chat.roles import lorebook, own_roles_dir
from qwen_chat.roles.lorebook import Lore
from qwen_chat.roles.probes import Probe
from qwen_chat.roles.role import Role
from qwen_chat.roles.role_file import is_role_name, role_from_toml

_TOP = ("title", "use", "language", "character", "system", "greeting", "alternate_greetings", "examples")


def write_role(role: Role, name: str, comment: str = "") -> tuple[Role, Path]:
    """Write one of the user's own roles, replacing an existing one; return it as read back, and its file.

    Raises: UsageError when the role could not be read back, or the file cannot be written.
    """
    if not is_role_name(name):  # so that no name leads out of the folder
        raise UsageError(f"{name!r}: a role's name has only small letters, digits, - and _")
    path = own_roles_dir() / f"{name}.toml"
    text = role_to_toml(role, comment)
    if len(text.encode()) > toml.SIZE_LIMIT:
        raise UsageError(f"its texts are longer than {toml.SIZE_LIMIT:,} bytes: shorten them")
    read_back = role_from_toml(toml.parse_toml(path, text))
    _write_file(path, text)
    return read_back, path


def role_to_toml(role: Role, comment: str = "") -> str:
    """Return the text of a role's file, without default values; `comment` is its first line."""
    parts = [f"# {comment}\n" if comment else "", _format_values(_top_values(role))]
    if sampling := role.sampling.chosen():
        parts.append(f"\n[sampling]\n{_format_values(sampling)}")
    parts += [f"\n[[lore]]\n{_format_values(_changed_fields(entry))}" for entry in role.lorebook.entries]
    parts += [f"\n[[probes]]\n{_format_values(_changed_fields(probe))}" for probe in role.probes]
    return "".join(parts)


def _top_values(role: Role) -> dict[str, Any]:
    top: dict[str, Any] = {name: value for name in _TOP if (value := getattr(role, name))}
    if role.lorebook.depth != lorebook.DEPTH:
        top["lore_depth"] = role.lorebook.depth
    if role.lorebook.budget != lorebook.BUDGET:
        top["lore_budget"] = role.lorebook.budget
    return top


def _format_values(values: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(values, multiline_strings=True)


def _changed_fields(value: Lore | Probe) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    defaults = {item.name: item.default for item in fields(value)}
    return {name: given for name, given in asdict(value).items() if given != defaults[name]}


def _write_file(path: Path, text: str) -> None:
    try:
        private_dir(path.parent)
        write_atomic(path, text)
    except StoreError:
        raise UsageError(f"cannot make the folder {path.parent}: make it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
