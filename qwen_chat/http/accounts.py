"""The accounts that may log in: names, and only salted hashes of their passwords."""

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text

_N, _R, _P = 2**15, 8, 1
"""The cost of a hash: 32 MiB, and about a tenth of a second."""

_MAX_HASH_BYTES = 2**28
_MAX_NAME_LENGTH = 100
_HASH_LINE = re.compile(r"scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3})\$([^$]{8,100})\$([0-9a-f]{128})")


@dataclass(frozen=True, slots=True)
class _Hash:
    """A hashed password, https://www.rfc-editor.org/rfc/rfc7914."""

    n: int
    r: int
    p: int
    salt: str
    key: str

    @classmethod
    def of(cls, password: str) -> "_Hash":
        salt = secrets.token_hex(16)
        return cls(_N, _R, _P, salt, _key(password, salt, _N, _R, _P))

    def matches(self, password: str) -> bool:
        return hmac.compare_digest(_key(password, self.salt, self.n, self.r, self.p), self.key)

    def __str__(self) -> str:
        return f"scrypt:{self.n}:{self.r}:{self.p}${self.salt}${self.key}"


class Accounts:
    """Names and passwords."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        """Take pairs of a name and a password, or the hash of one.

        Raises: UsageError for a name that is given twice, or that is no name.
        """
        self._hashes: dict[str, _Hash] = {}
        for name, password in entries:
            if name in self._hashes:
                raise UsageError(f"the account {name} is there twice")
            self._hashes[_check_name(name)] = _parse_hash(password) or _Hash.of(password)
        # An unknown name must take as long as a wrong password.
        self._no_account = _Hash.of(secrets.token_hex())

    def check(self, name: str, password: str) -> str | None:
        """Return the name as it was given here when the password is right; both answers take as long."""
        normal_name = _normal(name)
        hashed = self._hashes.get(normal_name)
        right = (hashed or self._no_account).matches(password)
        return normal_name if right and hashed is not None else None


def read_accounts(given: Sequence[str], file: Path | None, flag: str = "--auth") -> Accounts | None:
    """Return the accounts of a flag and a file, or None without either.

    Raises: UsageError.
    """
    lines = [(flag, text) for text in given]
    if file is not None:
        text = read_text(file)
        lines += [
            (f"{file} line {number}", line)
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.startswith("#")
        ]
        if not lines:
            raise UsageError(f"{file} has no accounts: write one on each line, as NAME:PASSWORD")
    return Accounts([_parse_account(where, text) for where, text in lines]) if lines else None


def account_line(name: str, password: str) -> str:
    """Return the line of an accounts file for a person, with a hash of the password."""
    return f"{_check_name(name)}:{_Hash.of(password)}"


def _parse_account(where: str, text: str) -> tuple[str, str]:
    name, colon, password = text.partition(":")
    if not colon or not password:
        raise UsageError(f"{where}: an account is written as NAME:PASSWORD")
    return _check_name(name), password


def _check_name(name: str) -> str:
    name = _normal(name)
    if not name or len(name) > _MAX_NAME_LENGTH or ":" in name or not name.isprintable():
        raise UsageError(f"an account's name has 1 to {_MAX_NAME_LENGTH} printable characters, and no colon")
    return name


def _parse_hash(text: str) -> _Hash | None:
    """Return the hash that a text spells, or None for a password."""
    if (found := _HASH_LINE.fullmatch(text)) is None:
        return None
    n, r, p = (int(number) for number in found.groups()[:3])
    if n < 2 or n & (n - 1) or not r or not p or 128 * n * r * p > _MAX_HASH_BYTES:
        raise UsageError("a hash among the accounts costs too much to check: make it anew with --hash")
    return _Hash(n, r, p, found[4], found[5])


def _key(password: str, salt: str, n: int, r: int, p: int) -> str:
    memory = 128 * r * (n + p + 2)  # what OpenSSL counts
    return hashlib.scrypt(
        _normal(password).encode(errors="replace"), salt=salt.encode(), n=n, r=r, p=p, maxmem=memory
    ).hex()


def _normal(text: str) -> str:
    # One letter may be typed as one character or as several.
    return unicodedata.normalize("NFC", text)
