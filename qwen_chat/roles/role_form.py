"""A person's own roles as a form: made, changed, copied, taken out, and made of character cards."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.roles import Role, load_role, own_roles_dir, role_names, role_path
from qwen_chat.roles import role_file as files
from qwen_chat.roles.card_import import SIZE_LIMIT, Imported, keep_card, name_for, parse
from qwen_chat.roles.role_writer import keep
from qwen_chat.sampling import SamplingParams, parse_assignment
from qwen_chat.web.panel import text_lines as lines

LONGEST = 100_000
"""Characters of one field."""


@dataclass(frozen=True, slots=True)
class Form:
    """A role as it is typed: examples one per line, sampling as lines like top_p=0.8."""

    name: str = ""
    title: str = ""
    system: str = ""
    greeting: str = ""
    examples: str = ""
    sampling: str = ""


def is_own(name: str) -> bool:
    """Return whether there is a role of that name which is a person's own."""
    with suppress(UsageError):
        return role_path(name).parent == own_roles_dir()
    return False


def form_of(name: str) -> Form:
    """Return a role as a form; a built-in one under another name, under which a copy of it can be kept.

    Raises: UsageError for an unknown role or one that cannot be read.
    """
    role = load_role(name)
    return Form(
        name if is_own(name) else _free(f"{name}-copy"),
        role.title,
        role.system,
        role.greeting,
        "\n".join(role.examples),
        "\n".join(_assignments(role.sampling)),
    )


def save(form: Form, was: str = "") -> Role:
    """Keep a role as one's own; `was` is the role that the form was filled from, which lends it all else.

    An own role that got another name is moved there; a built-in one stays, and this is a copy of it.

    Raises: UsageError that says which field is at fault.
    """
    name = form.name.strip()
    _check(form, name)
    if name != was and name in role_names():
        raise UsageError(f"there is a role {name} already: choose another name")
    if name == was and not is_own(name):
        raise UsageError(f"{name} is built in: choose another name for a copy of it")
    role, _ = keep(_filled(form, load_role(was) if was else None), name)
    if was and was != name and is_own(was):
        remove(was)
    return role


def remove(name: str) -> None:
    """Delete one of a person's own roles.

    Raises: UsageError for one that is built in or not there.
    """
    if not is_own(name):
        raise UsageError(f"{name!r} is none of your own roles: only those can be deleted")
    path = role_path(name)
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"cannot delete the role {name}: {error.strerror or error}") from None


def import_card(file: str, data: bytes) -> Imported:
    """Make a role of a character card, under a name that no role has yet.

    Raises: UsageError in one line, naming the file.
    """
    if len(data) > SIZE_LIMIT:
        raise UsageError(
            f"{file} is larger than {SIZE_LIMIT // 2**20} MiB: save the card with a smaller picture"
        )
    try:
        card = parse(data)
        return keep_card(card, _free(name_for(card.preset.title, file) or "role"), file)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def _check(form: Form, name: str) -> None:
    if not files.is_name(name):
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


def _filled(form: Form, role: Role | None) -> Role:
    """Return what the form says; all that it has no field for, such as a lorebook, is that of `role`."""
    base = role or Role(name="", title="", system="")
    return replace(
        base,
        title=" ".join(form.title.split()),
        system=_plain(form.system).strip(),
        greeting=_plain(form.greeting).strip(),
        examples=tuple(line.strip() for line in form.examples.splitlines() if line.strip()),
        sampling=_sampling(form.sampling),
    )


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _sampling(text: str) -> SamplingParams:
    values: dict[str, object] = {}
    stops: tuple[str, ...] = ()
    for line in filter(str.strip, text.splitlines()):
        name, value = parse_assignment(line)
        if name == "stop" and value is not None:
            stops += lines.split("\n".join(value))
        elif value is not None:
            values[name] = value
    return SamplingParams.from_mapping(values | ({"stop": stops} if stops else {}))


def _assignments(params: SamplingParams) -> list[str]:
    chosen = params.chosen()
    stops = [f"stop={lines.on_one_line(text)}" for text in chosen.pop("stop", ())]
    return [f"{name}={value}" for name, value in chosen.items()] + stops


def _free(name: str) -> str:
    """Return a name like that which no role has."""
    taken = {*role_names(), *(path.stem for path in _files())}
    if name not in taken:
        return name
    return next(other for number in range(2, 10_000) if (other := f"{name}-{number}") not in taken)


def _files() -> list[Path]:
    with suppress(OSError):
        return list(own_roles_dir().iterdir())
    return []
