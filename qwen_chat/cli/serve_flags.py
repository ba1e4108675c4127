"""The flags of `qwen-chat serve` besides the settings: its address, its certificate and its keys."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from qwen_chat.cli.address_flags import ADDRESS, CERTIFICATE, AddressFlags, Option, add_options
from qwen_chat.errors import UsageError
from qwen_chat.files.bounded_read import read_text
from qwen_chat.http import accounts
from qwen_chat.server.access import Access
from qwen_chat.settings import API_KEY_VARIABLE as KEY_VARIABLE

_SHORTEST_KEY = 8

_OPTIONS: tuple[Option, ...] = (
    *ADDRESS,
    click.option("--name", metavar="TEXT", help="the name that clients call the model by"),
    click.option(
        "--also",
        multiple=True,
        metavar="MODEL",
        help="another model, as -c takes it, loaded when a client first asks for it; again for more",
    ),
    click.option(
        "--api-key",
        multiple=True,
        metavar="KEY",
        help=f"a key that clients must show; again for others; {KEY_VARIABLE} hides it from other users",
    ),
    click.option("--api-key-file", metavar="FILE", help="keys that clients must show, one on each line"),
    click.option(
        "--api-auth",
        multiple=True,
        metavar="NAME:PASSWORD",
        help="a name and password that clients may show instead of a key",
    ),
    click.option(
        "--cors-origin",
        multiple=True,
        metavar="URL",
        help="a site whose pages may use the API in a browser, as https://example.com",
    ),
    click.option(
        "--public", is_flag=True, help="let everyone use it who reaches this machine, without a key"
    ),
    *CERTIFICATE,
)


def serve_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the flags of this module."""
    return add_options(function, _OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFlags(AddressFlags):
    """The values of those flags."""

    name: str | None
    also: tuple[str, ...]
    api_key: tuple[str, ...]
    api_key_file: str | None
    api_auth: tuple[str, ...]
    cors_origin: tuple[str, ...]

    def check(self) -> None:
        """Refuse what makes no sense together, and to let strangers in unless they are meant to come.

        Raises: UsageError.
        """
        AddressFlags.check(self)
        for origin in self.cors_origin:
            _check_origin(origin)
        known = bool(self.api_auth or self.keys())
        opened = self.beyond_loopback()
        if opened and not known and not self.public:
            mend = f"set {KEY_VARIABLE} to a key, or add --public if that is meant"
            raise UsageError(f"{opened} lets everyone in who reaches this machine: {mend}")
        if self.public and known:
            raise UsageError("--public and keys: give one of them")
        if self.public and not opened:
            raise UsageError("--public goes with a --server-name that others reach: leave it out")

    def keys(self) -> list[str]:
        """Return the keys that clients may show.

        Raises: UsageError for one that is too short to be safe, and for a file that has none.
        """
        given = [*self.api_key, *([os.environ[KEY_VARIABLE]] if os.environ.get(KEY_VARIABLE) else [])]
        if self.api_key_file is not None:
            given += _read_keys(Path(self.api_key_file))
        if any(len(key) < _SHORTEST_KEY or not key.isprintable() or " " in key for key in given):
            raise UsageError(f"an API key has {_SHORTEST_KEY} or more characters, and no spaces")
        return given

    def access(self) -> Access:
        """Return who may use the API.

        Raises: UsageError.
        """
        known = accounts.read_accounts(self.api_auth, None, flag="--api-auth")
        return Access(tuple(self.keys()), known, self.cors_origin)


def _read_keys(file: Path) -> list[str]:
    lines = [line.strip() for line in read_text(file).splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise UsageError(f"{file} has no keys: write one on each line")
    return keys


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise UsageError(f"--cors-origin {origin}: give a site as https://example.com, without a path")
