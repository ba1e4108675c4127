"""Roles: named system prompts in TOML files, the built-in ones and the user's own.

Knows nothing of models and conversations, and keeps nothing in memory: an edited file counts at once.
"""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from qwen_chat import sampling, toml_file
from qwen_chat.directories import config_dir
from qwen_chat.errors import UsageError
from qwen_chat.sampling import SamplingParams
from qwen_chat.toml_file import TomlFile

USES = ("role play", "language style", "task setting", "behaviour setting")
LANGUAGES = ("en", "zh")

_NAME = re.compile(
    "[a-z0-9\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3][a-z0-9_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3-]*"
)
_KEYS = ("title", "system", "use", "language", "greeting", "examples", "sampling")


@dataclass(frozen=True, slots=True)
class Preset:
    """A role: the system prompt, and what a front end shows around it."""

    name: str
    title: str
    system: str
    use: str = ""
    language: str = ""
    greeting: str = ""
    examples: tuple[str, ...] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)


def own_dir() -> Path:
    """Return the folder of the user's own roles; it need not exist."""
    return config_dir() / "roles"


def names() -> list[str]:
    """Return the names of the built-in roles and of the user's own, sorted.

    Raises: UsageError when the folder of the user's own roles cannot be read.
    """
    return sorted({**_built_in(), **_own()})


def load(name: str) -> Preset:
    """Return the role called `name`; the user's own comes before a built-in one.

    Raises: UsageError for an unknown name or a faulty file.
    """
    paths = {**_built_in(), **_own()}
    # Looking the name up, and never joining it to a folder, keeps "../x" inside.
    if name not in paths:
        close = get_close_matches(name.lower(), paths, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(paths))}"
        raise UsageError(f"unknown role {name!r}: {hint}")
    return read(paths[name])


def all_presets() -> tuple[list[Preset], list[str]]:
    """Return every role that can be read, sorted by name, and a line for each that cannot."""
    presets, problems = [], []
    paths = _built_in()
    try:
        paths.update(_own())
    except UsageError as error:
        problems.append(str(error))
    for _, path in sorted(paths.items()):
        try:
            presets.append(read(path))
        except UsageError as error:
            problems.append(str(error))
    return presets, problems


def read(path: Path) -> Preset:
    """Read one role file; its name is the file's.

    Raises: UsageError naming the file, the line and the mend.
    """
    if not _NAME.fullmatch(path.stem):
        raise UsageError(f"{path}: a role's file name has only small letters, digits, - and _: rename it")
    file = toml_file.read(path)
    file.check_keys({"": _KEYS, "sampling": sampling.NAMES})
    return Preset(
        name=path.stem,
        title=_title(file),
        system=_required(file, "system", "You are ..."),
        use=_choice(file, "use", USES),
        language=_choice(file, "language", LANGUAGES),
        greeting=_text(file, "greeting"),
        examples=_examples(file),
        sampling=read_sampling(file),
    )


def read_sampling(file: TomlFile) -> SamplingParams:
    """Return the parameters of the file's `[sampling]` table.

    Raises: UsageError naming the line of a value that does not fit.
    """
    values = file.table("sampling")
    for name, value in values.items():
        with file.located(name, "sampling"):
            _check_parameter(name, value)
    return SamplingParams.from_mapping(values)


def _check_parameter(name: str, value: object) -> None:
    # TOML's whole numbers have no limit; beyond 64 bits they do not even become a float.
    if name != "stop" and not (isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)):
        raise UsageError(f"{name} must be a number, without quotes")
    SamplingParams.from_mapping({name: value})


def _built_in() -> dict[str, Path]:
    return {path.stem: path for path in Path(__file__).parent.glob("*.toml")}


def _own() -> dict[str, Path]:
    folder = own_dir()
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


def _text(file: TomlFile, key: str) -> str:
    value = file.values.get(key, "")
    if not isinstance(value, str):
        raise file.fault(f"{key} must be text in quotes", key)
    return value.strip()


def _required(file: TomlFile, key: str, example: str) -> str:
    if not (text := _text(file, key)):
        raise file.fault(f'a role needs a {key}: write {key} = "{example}"', key)
    return text


def _title(file: TomlFile) -> str:
    title = _required(file, "title", "My role")
    # Titles are shown in lists: a line break or an escape sequence would spoil the screen.
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", title):
        raise file.fault("title must be one line of plain text", "title")
    return title


def _choice(file: TomlFile, key: str, choices: tuple[str, ...]) -> str:
    value = _text(file, key)
    if value and value not in choices:
        raise file.fault(f"{key} must be one of {', '.join(choices)}, or left out", key)
    return value


def _examples(file: TomlFile) -> tuple[str, ...]:
    values = file.values.get("examples", [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise file.fault('examples must be a list of texts: write examples = ["..."]', "examples")
    return tuple(values)
