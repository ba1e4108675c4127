"""Finds roles by name: the built-in ones and the user's own, each a TOML file.

Nothing is kept in memory, so an edited file counts at once.
"""

from difflib import get_close_matches
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.files.paths import config_dir
from qwen_chat.roles.role import Role
from qwen_chat.roles.role_file import read_role


def own_roles_dir() -> Path:
    """Return the folder of the user's own roles; it need not exist."""
    return config_dir() / "roles"


def role_names() -> list[str]:
    """Return the names of the built-in roles and of the user's own, sorted.

    Raises: UsageError when the folder of the user's own roles cannot be read.
    """
    return sorted({**_built_in(), **_own()})


def load_role(name: str) -> Role:
    """Return the role called `name`; one of the user's own wins over a built-in one.

    Raises: UsageError for an unknown name or a faulty file.
    """
    return read_role(role_path(name))


def role_path(name: str) -> Path:
    """Return the file of the role called `name`.

    Raises: UsageError for an unknown name.
    """
    paths = {**_built_in(), **_own()}
    # Looking the name up, and never joining it to a folder, keeps "../x" inside.
    if name not in paths:
        close = get_close_matches(name.lower(), paths, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(paths))}"
        raise UsageError(f"unknown role {name!r}: {hint}")
    return paths[name]


def all_roles() -> tuple[list[Role], list[str]]:
    """Return every role that can be read, sorted by name, and an error message for each that cannot."""
    roles, problems = [], []
    paths = _built_in()
    try:
        paths.update(_own())
    except UsageError as error:
        problems.append(str(error))
    for _, path in sorted(paths.items()):
        try:
            roles.append(read_role(path))
        except UsageError as error:
            problems.append(str(error))
    return roles, problems


def _built_in() -> dict[str, Path]:
    return {path.stem: path for path in Path(__file__).with_name("builtin").glob("*.toml")}


def _own() -> dict[str, Path]:
    folder = own_roles_dir()
    try:
        return {
            path.stem: path for path in folder.iterdir() if path.suffix == ".toml" and path.name[0] != "."
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(
            f"cannot read the folder {folder}: {error.strerror}; make it a readable folder"
        ) from None
