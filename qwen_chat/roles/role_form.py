"""The form that edits one of the user's own roles: read, saved, copied, deleted, or filled from a card."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.roles import Role, load_role, own_roles_dir, role_names, role_path
from qwen_chat.roles.card_import import ImportedCard, read_card_file, role_name_from, write_card_role
from qwen_chat.roles.role_file import is_role_name
from qwen_chat.roles.role_writer import write_role
from qwen_chat.sampling import SamplingParams, parse_assignment
from qwen_chat.text import escape_line_breaks, split_texts, unify_line_breaks

LONGEST = 100_000
"""The most characters of one field."""


@dataclass(frozen=True, slots=True)
class RoleForm:
    """The fields as they are typed: examples one per line, sampling as lines like top_p=0.8."""

    name: str = ""
    title: str = ""
    system: str = ""
    greeting: str = ""
    examples: str = ""
    sampling: str = ""


def is_own_role(name: str) -> bool:
    """Return whether one of the user's own roles has this name."""
    with suppress(UsageError):
        return role_path(name).parent == own_roles_dir()
    return False


def read_form(name: str) -> RoleForm:
    """Return the form of a role; a built-in one gets a free name under which a copy of it can be saved.

    Raises: UsageError for an unknown role or a faulty file.
    """
    role = load_role(name)
    return RoleForm(
        name if is_own_role(name) else _free_name(f"{name}-copy"),
        role.title,
        role.system,
        role.greeting,
        "\n".join(role.examples),
        "\n".join(_assignments(role.sampling)),
    )


def save_role(form: RoleForm, previous: str = "") -> Role:
    """Write the role to the user's own roles, and return it.

    `previous` is the role that the form was read from: it keeps what the form has no field for. An own role
    that was renamed moves to its new name; a built-in role stays, and the saved one is a copy of it.

    Raises: UsageError that names the field at fault.
    """
    name = form.name.strip()
    _check_fields(form, name)
    _check_name_is_free(name, previous)
    role, _ = write_role(_fill_role(form, load_role(previous) if previous else None), name)
    if previous and previous != name and is_own_role(previous):
        delete_role(previous)
    return role


def delete_role(name: str) -> None:
    """Delete one of the user's own roles.

    Raises: UsageError for a role that is built in or does not exist.
    """
    if not is_own_role(name):
        raise UsageError(f"{name!r} is none of your own roles: only those can be deleted")
    path = role_path(name)
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"cannot delete the role {name}: {error.strerror or error}") from None


def import_uploaded_card(path: Path) -> ImportedCard:
    """Write the role of a character card under a name that no role has yet.

    Raises: UsageError that names the file, the fault and the mend.
    """
    card = read_card_file(path, path.name)
    name = _free_name(role_name_from(card.role.title, path.name) or "role")
    return write_card_role(card, name, path.name)


def _check_name_is_free(name: str, previous: str) -> None:
    if name != previous and name in role_names():
        raise UsageError(f"there is a role {name} already: choose another name")
    if name == previous and not is_own_role(name):
        raise UsageError(f"{name} is built in: choose another name for a copy of it")


def _check_fields(form: RoleForm, name: str) -> None:
    if not is_role_name(name):
        raise UsageError(f"the name {name[:40]!r}: only small letters, digits, - and _ can be in it")
    for field, text in asdict(form).items():
        if len(text) > LONGEST:
            raise UsageError(f"the {field} is longer than {LONGEST:,} characters: shorten it")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(f"the {field} is not valid Unicode") from None
    for field, text in (("title", form.title), ("system prompt", form.system)):
        if not text.strip():
            raise UsageError(f"a role needs a {field}: write one")


def _fill_role(form: RoleForm, previous: Role | None) -> Role:
    """Return the form's role; what the form has no field for, such as a lorebook, comes from `previous`."""
    return replace(
        previous or Role(name="", title="", system=""),
        title=" ".join(form.title.split()),
        system=unify_line_breaks(form.system).strip(),
        greeting=unify_line_breaks(form.greeting).strip(),
        examples=tuple(line.strip() for line in form.examples.splitlines() if line.strip()),
        sampling=_parse_sampling(form.sampling),
    )


def _parse_sampling(text: str) -> SamplingParams:
    values: dict[str, object] = {}
    stops: tuple[str, ...] = ()
    for line in filter(str.strip, text.splitlines()):
        name, value = parse_assignment(line)
        if name == "stop" and value is not None:
            stops += split_texts("\n".join(value))
        elif value is not None:
            values[name] = value
    return SamplingParams.from_mapping(values | ({"stop": stops} if stops else {}))


def _assignments(params: SamplingParams) -> list[str]:
    chosen = params.chosen()
    stops = [f"stop={escape_line_breaks(text)}" for text in chosen.pop("stop", ())]
    return [f"{name}={value}" for name, value in chosen.items()] + stops


def _free_name(name: str) -> str:
    """Return the name, with a number added where a role or a file has it already."""
    taken = {*role_names(), *(path.stem for path in _own_files())}
    if name not in taken:
        return name
    return next(other for number in range(2, 10_000) if (other := f"{name}-{number}") not in taken)


def _own_files() -> list[Path]:
    with suppress(OSError):
        return list(own_roles_dir().iterdir())
    return []
