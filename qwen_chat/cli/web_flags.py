"""The flags of `qwen-chat web` besides the settings: its address, its certificate and its accounts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from qwen_chat.cli.address_flags import ADDRESS, CERTIFICATE, AddressFlags, Option, add_options
from qwen_chat.errors import UsageError
from qwen_chat.http import accounts
from qwen_chat.http.accounts import Accounts

_ROOT_PATH = re.compile(r"(https?://[\w.:\[\]-]+)?(/[\w.~/-]*)?", re.ASCII)

_OPTIONS: tuple[Option, ...] = (
    *ADDRESS,
    click.option("--inbrowser", is_flag=True, help="open the page at once"),
    click.option("--share", is_flag=True, help="an address for everyone, through a server of Gradio's"),
    click.option("--auth", multiple=True, metavar="NAME:PASSWORD", help="who may log in; again for others"),
    click.option(
        "--auth-file", metavar="FILE", help="who may log in: a line each, NAME:PASSWORD or NAME:HASH"
    ),
    click.option(
        "--hash", "hashed", metavar="NAME", help="ask for a password, print its line for --auth-file"
    ),
    click.option("--public", is_flag=True, help="let everyone in who reaches the page, without a password"),
    click.option(
        "--root-path", default="", metavar="PATH", help="where a proxy shows it: /PATH, or https://HOST/PATH"
    ),
    *CERTIFICATE,
)


def web_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the flags of this module."""
    return add_options(function, _OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFlags(AddressFlags):
    """The values of those flags."""

    inbrowser: bool
    share: bool
    auth: tuple[str, ...]
    auth_file: str | None
    hashed: str | None
    root_path: str

    @property
    def is_private(self) -> bool:
        """Whether only people on this machine reach the page, as far as its flags tell."""
        return not (self.public or self.root_path or self.auth or self.auth_file)

    def check(self) -> None:
        """Refuse what makes no sense together, and to let strangers in unless they are meant to come.

        Raises: UsageError.
        """
        AddressFlags.check(self)
        if not _ROOT_PATH.fullmatch(self.root_path):
            where = "a path as /chat, or an address as https://example.com/chat"
            raise UsageError(f"--root-path {self.root_path}: give {where}")
        if self.ssl_certfile and self.share:
            raise UsageError("--share brings a certificate of its own: leave out --ssl-certfile")
        self._check_reach()

    def accounts(self) -> Accounts | None:
        """Return who may log in, or None when nobody has to."""
        return accounts.read_accounts(self.auth, Path(self.auth_file) if self.auth_file else None)

    def _check_reach(self) -> None:
        opened = "--share" if self.share else self.beyond_loopback()
        known = bool(self.auth or self.auth_file)
        if opened and not known and not self.public:
            mend = "add --auth NAME:PASSWORD, or --public if that is meant"
            raise UsageError(f"{opened} lets everyone in who reaches the page: {mend}")
        if self.public and known:
            raise UsageError("--public and --auth: give one of them")
        if self.public and not opened:
            raise UsageError("--public goes with --share, or a --server-name that others reach: leave it out")
