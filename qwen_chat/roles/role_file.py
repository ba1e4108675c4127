"""A role's TOML file -> the role; every fault with its line and mend."""

import re
from pathlib import Path

from qwen_chat import sampling
from qwen_chat.errors import UsageError
from qwen_chat.files.toml import TomlFile, TomlTable, read_toml
from qwen_chat.roles import lorebook, probes
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.probes import Probe
from qwen_chat.roles.role import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.text import has_controls_or_breaks

USES = ("role play", "language style", "task setting", "behaviour setting")
LANGUAGES = ("en", "zh")
DEPTH_LIMIT = 1000
NUMBER_LIMIT = 10_000_000

_NAME = re.compile(
    "[a-z0-9\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3][a-z0-9_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3-]*"
)
_KEYS = (
    *("title", "system", "use", "language", "greeting", "examples", "sampling"),
    *("character", "alternate_greetings", "lore_depth", "lore_budget", "lore", "probes"),
)
_LORE_KEYS = ("text", "keys", "secondary_keys", "order", "priority", "case_sensitive", "enabled")
_PROBE_KEYS = ("name", "say", "must", "must_not", "language", "longest", "runs")

_Place = TomlFile | TomlTable


def is_role_name(text: str) -> bool:
    """Return whether a role can be called this."""
    return len(text) <= 100 and _NAME.fullmatch(text) is not None


def read_role(path: Path) -> Role:
    """Read one role file; its name is the file's.

    Raises: UsageError naming the file, the line and the mend.
    """
    if not is_role_name(path.stem):
        raise UsageError(f"{path}: a role's file name has only small letters, digits, - and _: rename it")
    return role_from_toml(read_toml(path))


def role_from_toml(file: TomlFile) -> Role:
    """Return the role that a file says.

    Raises: UsageError naming the file, the line and the mend.
    """
    file.check_keys({"": _KEYS, "sampling": sampling.NAMES})
    return Role(
        name=file.path.stem,
        title=_line(file, "title", "My role"),
        system=_required(file, "system", "You are ..."),
        use=_choice(file, "use", USES),
        language=_choice(file, "language", LANGUAGES),
        greeting=_text(file, "greeting"),
        examples=_texts(file, "examples"),
        sampling=read_sampling(file),
        character=_line(file, "character") if "character" in file.values else "",
        alternate_greetings=_texts(file, "alternate_greetings"),
        lorebook=_lorebook(file),
        probes=tuple(map(_probe, file.tables("probes"))),
    )


def read_sampling(file: TomlFile) -> SamplingParams:
    """Return the parameters of the file's `[sampling]` table.

    Raises: UsageError naming the line of a value that does not fit.
    """
    values = file.table("sampling")
    for name, value in values.items():
        with file.locate_errors(name, "sampling"):
            _check_parameter(name, value)
    return SamplingParams.from_mapping(values)


def _check_parameter(name: str, value: object) -> None:
    # TOML's whole numbers have no limit; beyond 64 bits they do not even become a float.
    if name != "stop" and not (isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)):
        raise UsageError(f"{name} must be a number, without quotes")
    SamplingParams.from_mapping({name: value})


def _lorebook(file: TomlFile) -> Lorebook:
    return Lorebook(
        entries=tuple(map(_lore, file.tables("lore"))),
        depth=_number(file, "lore_depth", lorebook.DEPTH, 0, DEPTH_LIMIT),
        budget=_number(file, "lore_budget", lorebook.BUDGET, 0, NUMBER_LIMIT),
    )


def _lore(table: TomlTable) -> Lore:
    table.check_keys(_LORE_KEYS)
    keys = _one_or_more(table, "keys")
    if not keys:
        raise table.error_at('lore needs keys: write keys = ["a word that brings it up"]', "keys")
    return Lore(
        text=_required(table, "text", "What is so."),
        keys=keys,
        secondary_keys=_one_or_more(table, "secondary_keys"),
        order=_number(table, "order", lorebook.ORDER, -NUMBER_LIMIT, NUMBER_LIMIT),
        priority=_number(table, "priority", 0, -NUMBER_LIMIT, NUMBER_LIMIT),
        case_sensitive=_switch(table, "case_sensitive", default=False),
        enabled=_switch(table, "enabled", default=True),
    )


def _probe(table: TomlTable) -> Probe:
    table.check_keys(_PROBE_KEYS)
    say = _one_or_more(table, "say")
    if not say:
        raise table.error_at('a probe needs something to say: write say = "Who are you?"', "say")
    probe = Probe(
        name=_line(table, "name") if "name" in table.values else " ".join(say[-1].split()),
        say=say,
        must=_patterns(table, "must"),
        must_not=_patterns(table, "must_not"),
        language=_choice(table, "language", LANGUAGES),
        longest=_number(table, "longest", 0, 0, NUMBER_LIMIT),
        runs=_number(table, "runs", 1, 1, probes.RUNS_LIMIT),
    )
    if not (probe.must or probe.must_not or probe.language or probe.longest):
        raise table.error_at(
            "a probe needs must, must_not, language or longest: add what its answer is held to"
        )
    return probe


def _patterns(table: TomlTable, key: str) -> tuple[str, ...]:
    patterns = _one_or_more(table, key)
    for pattern in patterns:
        try:
            probes.check_pattern(pattern)
        except UsageError as error:
            raise table.error_at(f"{key}: {error}", key) from None
    return patterns


def _text(place: _Place, key: str) -> str:
    value = place.values.get(key, "")
    if not isinstance(value, str):
        raise place.error_at(f"{key} must be text in quotes", key)
    return value.strip()


def _required(place: _Place, key: str, example: str) -> str:
    if not (text := _text(place, key)):
        kind = "a role" if isinstance(place, TomlFile) else "lore"
        raise place.error_at(f'{kind} needs a {key}: write {key} = "{example}"', key)
    return text


def _line(place: _Place, key: str, example: str = "Name") -> str:
    line = _required(place, key, example)
    # Titles and names are shown in lists: a line break or an escape sequence would spoil the screen.
    if has_controls_or_breaks(line):
        raise place.error_at(f"{key} must be one line of plain text", key)
    return line


def _choice(place: _Place, key: str, choices: tuple[str, ...]) -> str:
    value = _text(place, key)
    if value and value not in choices:
        raise place.error_at(f"{key} must be one of {', '.join(choices)}, or left out", key)
    return value


def _texts(place: _Place, key: str) -> tuple[str, ...]:
    values = place.values.get(key, [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise place.error_at(f'{key} must be a list of texts: write {key} = ["..."]', key)
    return tuple(values)


def _one_or_more(place: _Place, key: str) -> tuple[str, ...]:
    value = place.values.get(key, [])
    if isinstance(value, str) and value.strip():
        return (value,)
    return _texts(place, key)


def _number(place: _Place, key: str, default: int, low: int, high: int) -> int:
    value = place.values.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise place.error_at(f"{key} must be a whole number from {low:,} to {high:,}", key)
    return value


def _switch(place: _Place, key: str, *, default: bool) -> bool:
    value = place.values.get(key, default)
    if not isinstance(value, bool):
        raise place.error_at(f"{key} must be true or false, without quotes", key)
    return value
