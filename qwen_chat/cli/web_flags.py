"""The flags of `qwen-chat web` besides the settings: its address, its certificate and its accounts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from qwen_chat.errors import UsageError
from qwen_chat.http import accounts
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.hosts import is_loopback
from qwen_chat.http.listen import Certificate
from qwen_chat.settings import SPECS, flag_of

_ROOT_PATH = re.compile(r"(https?://[\w.:\[\]-]+)?(/[\w.~/-]*)?", re.ASCII)

_OPTIONS = (
    click.option("--server-name", default="127.0.0.1", show_default=True, help="the address to listen on"),
    click.option(
        "--server-port",
        default=8000,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="the port to listen on; 0 for any that is free",
    ),
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
    click.option("--concurrency", type=int, metavar="N", help="another name for --parallel"),
    click.option("--ssl-certfile", metavar="FILE", help="serve it encrypted, with this certificate"),
    click.option("--ssl-keyfile", metavar="FILE", help="the certificate's key, where it is in another file"),
    click.option("--ssl-keyfile-password", metavar="TEXT", help="what the key is locked with"),
)


def web_flags(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the flags of this module."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class WebFlags:
    """The values of those flags."""

    server_name: str
    server_port: int
    inbrowser: bool
    share: bool
    auth: tuple[str, ...]
    auth_file: str | None
    hashed: str | None
    public: bool
    root_path: str
    concurrency: int | None
    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_keyfile_password: str | None

    @property
    def is_private(self) -> bool:
        """Whether only people on this machine reach the page, as far as its flags tell."""
        return not (self.public or self.root_path or self.auth or self.auth_file)

    def check(self) -> None:
        """Refuse what makes no sense together, and to let strangers in unless they are meant to come.

        Raises: UsageError.
        """
        if not _ROOT_PATH.fullmatch(self.root_path):
            where = "a path as /chat, or an address as https://example.com/chat"
            raise UsageError(f"--root-path {self.root_path}: give {where}")
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_keyfile_password):
            raise UsageError("--ssl-keyfile goes with a certificate: name that with --ssl-certfile")
        if self.ssl_certfile and self.share:
            raise UsageError("--share brings a certificate of its own: leave out --ssl-certfile")
        self._check_reach()

    def accounts(self) -> Accounts | None:
        """Return who may log in, or None when nobody has to."""
        return accounts.read_accounts(self.auth, Path(self.auth_file) if self.auth_file else None)

    def certificate(self) -> Certificate | None:
        """Return what the page is served encrypted with, or None."""
        if self.ssl_certfile is None:
            return None
        key = Path(self.ssl_keyfile) if self.ssl_keyfile else None
        return Certificate(Path(self.ssl_certfile), key, self.ssl_keyfile_password or "")

    def _check_reach(self) -> None:
        opened = "--share" if self.share else self._beyond_loopback()
        known = bool(self.auth or self.auth_file)
        if opened and not known and not self.public:
            mend = "add --auth NAME:PASSWORD, or --public if that is meant"
            raise UsageError(f"{opened} lets everyone in who reaches the page: {mend}")
        if self.public and known:
            raise UsageError("--public and --auth: give one of them")
        if self.public and not opened:
            raise UsageError("--public goes with --share, or a --server-name that others reach: leave it out")

    def _beyond_loopback(self) -> str:
        try:
            return "" if is_loopback(self.server_name) else f"--server-name {self.server_name}"
        except OSError:
            raise UsageError(
                f"--server-name {self.server_name}: no such address here; 127.0.0.1 is this machine alone"
            ) from None


def split(flags: Mapping[str, Any]) -> tuple[WebFlags, dict[str, Any]]:
    """Return the flags of this module, and those of the settings.

    Raises: UsageError for a setting that is not for a page.
    """
    own = {item.name for item in fields(WebFlags)}
    asked = WebFlags(**{name: flags[name] for name in own})
    settings = {name: value for name, value in flags.items() if name not in own}
    for name, spec in SPECS.items():
        if spec.scope == "terminal" and settings[name] is not None:
            raise UsageError(f"{flag_of(name)} is for the terminal: leave it out")
    if asked.concurrency is not None:
        if settings["parallel"] is not None:
            raise UsageError("--concurrency and --parallel are the same: give one of them")
        settings["parallel"] = asked.concurrency
    return asked, settings
