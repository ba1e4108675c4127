"""Reads a role from its TOML file; every fault names its line and the mend."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from qwen_chat import sampling
from qwen_chat.errors import UsageError
from qwen_chat.files.toml import TomlFile, TomlTable, read_toml, read_value
from qwen_chat.files.validation import Meta, fits
from qwen_chat.roles import lorebook, probes
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.probes import Probe
from qwen_chat.roles.role import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.text import has_controls_or_breaks

_Use = Literal["role play", "language style", "task setting", "behaviour setting"]
_Language = Literal["en", "zh"]

USES: tuple[str, ...] = get_args(_Use)
LANGUAGES: tuple[str, ...] = get_args(_Language)
DEPTH_LIMIT = 1000
NUMBER_LIMIT = 10_000_000

_NAME = re.compile(
    "[a-z0-9\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3][a-z0-9_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3-]*"
)
_NAME_LENGTH = 100
_KEYS = (
    *("title", "system", "use", "language", "greeting", "examples", "sampling"),
    *("character", "alternate_greetings", "lore_depth", "lore_budget", "lore", "probes"),
)
_LORE_KEYS = ("text", "keys", "secondary_keys", "order", "priority", "case_sensitive", "enabled")
_PROBE_KEYS = ("name", "say", "must", "must_not", "language", "longest", "runs")

_NotBlank = Annotated[str, Meta(pattern=r"\S")]
_Table = TomlFile | TomlTable


def is_role_name(text: str) -> bool:
    """Return whether a role can have this name."""
    return len(text) <= _NAME_LENGTH and _NAME.fullmatch(text) is not None


def read_role(path: Path) -> Role:
    """Return the role of a file; its name is the file's.

    Raises: UsageError that names the file, the line and the mend.
    """
    if not is_role_name(path.stem):
        raise UsageError(f"{path}: a role's file name has only small letters, digits, - and _: rename it")
    return role_from_toml(read_toml(path))


def role_from_toml(file: TomlFile) -> Role:
    """Return the role of a file that was parsed.

    Raises: UsageError that names the file, the line and the mend.
    """
    file.check_keys({"": _KEYS, "sampling": sampling.NAMES})
    return Role(
        name=file.path.stem,
        title=_read_line(file, "title", "My role"),
        system=_read_required(file, "system", "You are ..."),
        use=_read_choice(file, "use", _Use),
        language=_read_choice(file, "language", _Language),
        greeting=_read_text(file, "greeting"),
        examples=_read_texts(file, "examples"),
        sampling=read_sampling(file),
        character=_read_line(file, "character") if "character" in file.values else "",
        alternate_greetings=_read_texts(file, "alternate_greetings"),
        lorebook=_read_lorebook(file),
        probes=tuple(map(_read_probe, file.tables("probes"))),
    )


def read_sampling(file: TomlFile) -> SamplingParams:
    """Return the parameters of the file's `[sampling]` table.

    Raises: UsageError that names the line of a value that does not fit.
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


def _read_lorebook(file: TomlFile) -> Lorebook:
    return Lorebook(
        entries=tuple(map(_read_lore, file.tables("lore"))),
        depth=_read_number(file, "lore_depth", lorebook.DEPTH, 0, DEPTH_LIMIT),
        budget=_read_number(file, "lore_budget", lorebook.BUDGET, 0, NUMBER_LIMIT),
    )


def _read_lore(table: TomlTable) -> Lore:
    table.check_keys(_LORE_KEYS)
    keys = _read_one_or_more(table, "keys")
    if not keys:
        raise table.error_at('lore needs keys: write keys = ["a word that brings it up"]', "keys")
    return Lore(
        text=_read_required(table, "text", "What is so."),
        keys=keys,
        secondary_keys=_read_one_or_more(table, "secondary_keys"),
        order=_read_number(table, "order", lorebook.ORDER, -NUMBER_LIMIT, NUMBER_LIMIT),
        priority=_read_number(table, "priority", 0, -NUMBER_LIMIT, NUMBER_LIMIT),
        case_sensitive=_read_switch(table, "case_sensitive", default=False),
        enabled=_read_switch(table, "enabled", default=True),
    )


def _read_probe(table: TomlTable) -> Probe:
    table.check_keys(_PROBE_KEYS)
    say = _read_one_or_more(table, "say")
    if not say:
        raise table.error_at('a probe needs something to say: write say = "Who are you?"', "say")
    probe = Probe(
        name=_read_line(table, "name") if "name" in table.values else " ".join(say[-1].split()),
        say=say,
        must=_read_patterns(table, "must"),
        must_not=_read_patterns(table, "must_not"),
        language=_read_choice(table, "language", _Language),
        longest=_read_number(table, "longest", 0, 0, NUMBER_LIMIT),
        runs=_read_number(table, "runs", 1, 1, probes.RUNS_LIMIT),
    )
    if not (probe.must or probe.must_not or probe.language or probe.longest):
        raise table.error_at(
            "a probe needs must, must_not, language or longest: add what its answer is held to"
        )
    return probe


def _read_patterns(table: TomlTable, key: str) -> tuple[str, ...]:
    patterns = _read_one_or_more(table, key)
    for pattern in patterns:
        try:
            probes.check_pattern(pattern)
        except UsageError as error:
            raise table.error_at(f"{key}: {error}", key) from None
    return patterns


def _read_text(table: _Table, key: str) -> str:
    text: str = read_value(table, key, str, "text in quotes", default="")
    return text.strip()


def _read_required(table: _Table, key: str, example: str) -> str:
    if not (text := _read_text(table, key)):
        owner = "a role" if isinstance(table, TomlFile) else "lore"
        raise table.error_at(f'{owner} needs a {key}: write {key} = "{example}"', key)
    return text


def _read_line(table: _Table, key: str, example: str = "Name") -> str:
    line = _read_required(table, key, example)
    # Titles and names are shown in lists: a line break or an escape sequence would spoil the screen.
    if has_controls_or_breaks(line):
        raise table.error_at(f"{key} must be one line of plain text", key)
    return line


def _read_choice(table: _Table, key: str, choices: Any) -> str:  # noqa: ANN401 - a Literal
    if (text := _read_text(table, key)) and not fits(text, choices):
        raise table.error_at(f"{key} must be one of {', '.join(get_args(choices))}, or left out", key)
    return text


def _read_texts(table: _Table, key: str) -> tuple[str, ...]:
    wanted = f'a list of texts: write {key} = ["..."]'
    return tuple(read_value(table, key, list[_NotBlank], wanted, default=[]))


def _read_one_or_more(table: _Table, key: str) -> tuple[str, ...]:
    value = table.values.get(key)
    return (value,) if isinstance(value, str) and value.strip() else _read_texts(table, key)


def _read_number(table: _Table, key: str, default: int, low: int, high: int) -> int:
    kind = Annotated[int, Meta(ge=low, le=high)]
    number: int = read_value(table, key, kind, f"a whole number from {low:,} to {high:,}", default=default)
    return number


def _read_switch(table: _Table, key: str, *, default: bool) -> bool:
    on: bool = read_value(table, key, bool, "true or false, without quotes", default=default)
    return on
