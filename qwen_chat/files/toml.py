"""Reads TOML files that people write, up to a size limit; every fault has its file, line and mend.

Knows neither roles nor settings: callers say which keys a file may hold.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import FileTooLargeError, NotRegularFileError, read_bounded
from qwen_chat.files.validation import fits

SIZE_LIMIT = 1_000_000

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_HEADER = re.compile(r"\s*\[+([^][,]+)\]+\s*(?:#.*)?$")
_ASSIGNED = re.compile(r"\s*([^=[#]+?)\s*=")
_FENCE = re.compile(r'"""|\'\'\'')
_MENDS = {
    "Cannot overwrite a value": "it is given twice, keep one",
    "Cannot declare": "it is given twice, keep one",
    "Expected '=' after a key": "write it as name = value",
    "Invalid value": "put text in quotes, and write true and false small",
    "Unescaped '\\'": "write \\\\ for \\, or put the text in single quotes",
    "Unterminated string": "close the quotes",
    "Illegal character": 'close the quotes, or put text of several lines in """',
}


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The values of a file, and its text, in which the line of a value can be found."""

    path: Path
    text: str
    values: dict[str, Any]

    def table(self, name: str) -> dict[str, Any]:
        """Return the values under `[name]`, empty where there are none; "" is the top of the file.

        Raises: UsageError when `name` is not a table.
        """
        found = self.values.get(name, {}) if name else self.values
        if not isinstance(found, dict):
            raise self.error_at(f"{name} must be a table: put its values under a line [{name}]", name)
        return found

    def check_keys(self, known: Mapping[str, Collection[str]]) -> None:
        """Check the keys of every table; `known` has the keys of each, the table "" is the top of the file.

        Raises: UsageError for an unknown key, with the key or the table that was meant.
        """
        for table, names in known.items():
            for key in self.table(table):
                if key not in names:
                    raise self.error_at(
                        f"unknown key {short_repr(key)}: {_suggest_key(key, table, known)}", key, table
                    )

    def tables(self, name: str) -> list["TomlTable"]:
        """Return the tables under the lines `[[name]]`, none where there are none.

        Raises: UsageError when `name` is not a list of tables.
        """
        found = self.values.get(name, [])
        if not isinstance(found, list) or not all(isinstance(values, dict) for values in found):
            raise self.error_at(
                f"{name} must be tables: put the values of each under a line [[{name}]]", name
            )
        return [TomlTable(self, name, number, values) for number, values in enumerate(found)]

    @contextmanager
    def locate_errors(self, key: str, table: str = "") -> Iterator[None]:
        """Add this file's name and the line of `key` to a UsageError of the block."""
        try:
            yield
        except UsageError as error:
            raise self.error_at(str(error), key, table) from None

    def error_at(self, message: str, key: str = "", table: str = "", nth: int | None = None) -> UsageError:
        """Return an error about `key`, in one line, even when its value has several."""
        line = self.line_of(key, table, nth) if key or table else None
        return UsageError(f"{_location(self.path, line)}: {' '.join(message.split())}")

    def line_of(self, key: str, table: str = "", nth: int | None = None) -> int | None:
        """Return the number of the line that sets `key`, or else of its table; None when neither is found.

        With `nth`, counted from 0, only that one of the tables with this name is searched.
        """
        wanted, inside = _unquote_key(".".join(filter(None, (table, key)))), ""
        count = -1
        for number, line in _statement_lines(self.text):
            if header := _HEADER.match(line):
                name = inside = _unquote_key(header[1])
                count += name == table
            elif assigned := _ASSIGNED.match(line):
                name = f"{inside}.{_unquote_key(assigned[1])}".removeprefix(".")
            else:
                continue
            if nth in (None, count) and (name == wanted or name.startswith(f"{wanted}.")):
                return number
        if table and key:
            return self.line_of("", table, nth)
        return self.line_of(table) if table and nth is not None else None


@dataclass(frozen=True, slots=True)
class TomlTable:
    """One of the tables under the lines `[[name]]`; `number` counts them from 0."""

    file: TomlFile
    name: str
    number: int
    values: dict[str, Any]

    def error_at(self, message: str, key: str = "") -> UsageError:
        """Return an error about `key` of this table."""
        return self.file.error_at(message, key, self.name, self.number)

    def check_keys(self, names: Collection[str]) -> None:
        """Check the keys of the table.

        Raises: UsageError for an unknown key, with the key that was meant.
        """
        for key in self.values:
            if key not in names:
                raise self.error_at(
                    f"unknown key {short_repr(key)}: {_suggest_key(key, self.name, {self.name: names})}", key
                )


def read_value(
    table: TomlFile | TomlTable,
    key: str,
    type: Any,  # noqa: ANN401 - a type, or what stands for one
    wanted: str,
    *,
    default: object,
) -> Any:  # noqa: ANN401
    """Return the value of `key`, or the default where there is none.

    Raises: UsageError at the value's line, "`key` must be `wanted`", when it does not fit the type.
    """
    value = table.values.get(key, default)
    if not fits(value, type):
        raise table.error_at(f"{key} must be {wanted}", key)
    return value


def read_toml(path: Path, *, missing_ok: bool = False) -> TomlFile:
    """Read and parse the file; with `missing_ok` a file that does not exist counts as empty.

    Raises: UsageError when it cannot be read, is larger than SIZE_LIMIT, not UTF-8 or not TOML.
    """
    try:
        content = read_bounded(path, SIZE_LIMIT)
    except FileNotFoundError:
        if missing_ok:
            return TomlFile(path, "", {})
        raise UsageError(f"{path} does not exist: check the name") from None
    except NotRegularFileError:
        raise UsageError(f"{path} is not a file: move it away") from None
    except FileTooLargeError:
        raise UsageError(f"{path} is larger than {SIZE_LIMIT:,} bytes: shorten it") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; make it readable, or move it away") from None
    return parse_toml(path, _decode(path, content))


def parse_toml(path: Path, text: str) -> TomlFile:
    """Return the values in the text of the file at `path`.

    Raises: UsageError when it is not TOML.
    """
    return TomlFile(path, text, _parse(path, text))


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{_location(path, line)}: not UTF-8: save the file as UTF-8") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UsageError(f"{path}: brackets are nested too deeply: remove some") from None
    except ValueError as error:  # also what a number of thousands of digits raises
        raise UsageError(_explain_syntax(path, text, str(error))) from None


def _explain_syntax(path: Path, text: str, message: str) -> str:
    found = _POSITION.search(message)
    line = int(found[1] or text.rstrip().count("\n") + 1) if found else None
    fault = message[: found.start()] if found else message
    mend = next((mend for start, mend in _MENDS.items() if fault.startswith(start)), "mend this line")
    return f"{_location(path, line)}: not TOML: {fault[:1].lower()}{fault[1:]}: {mend}"


def _location(path: Path, line: int | None) -> str:
    return f"{path}, line {line}" if line else f"{path}"


def _suggest_key(key: str, table: str, known: Mapping[str, Collection[str]]) -> str:
    home = next((home for home, names in known.items() if key in names), None)
    if home is not None:
        return f"move it under [{home}]" if home else f"move it above [{table}]"
    close = get_close_matches(key, known[table], n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known[table])}"


def _statement_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines, with their numbers, that do not begin inside a text of several lines."""
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not fence:
            yield number, line
        for mark in _FENCE.findall(line):
            fence = "" if fence == mark else fence or mark


def _unquote_key(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)
