"""The flags of commands that serve: their address and their certificate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from qwen_chat.errors import UsageError
from qwen_chat.http.hosts import is_loopback
from qwen_chat.http.listen import Certificate
from qwen_chat.settings import SPECS, flag_of

Option = Callable[[Callable[..., int]], Callable[..., int]]

ADDRESS: tuple[Option, ...] = (
    click.option("--server-name", default="127.0.0.1", show_default=True, help="the address to listen on"),
    click.option(
        "--server-port",
        default=8000,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="the port to listen on; 0 for any that is free",
    ),
    click.option("--concurrency", type=int, metavar="N", help="another name for --parallel"),
)
CERTIFICATE: tuple[Option, ...] = (
    click.option("--ssl-certfile", metavar="FILE", help="serve it encrypted, with this certificate"),
    click.option("--ssl-keyfile", metavar="FILE", help="the certificate's key, where it is in another file"),
    click.option("--ssl-keyfile-password", metavar="TEXT", help="what the key is locked with"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFlags:
    """The values of those flags."""

    server_name: str
    server_port: int
    public: bool
    concurrency: int | None
    ssl_certfile: str | None
    ssl_keyfile: str | None
    ssl_keyfile_password: str | None

    def check(self) -> None:
        """Refuse what makes no sense together.

        Raises: UsageError.
        """
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_keyfile_password):
            raise UsageError("--ssl-keyfile goes with a certificate: name that with --ssl-certfile")

    def certificate(self) -> Certificate | None:
        """Return what is served encrypted with, or None."""
        if self.ssl_certfile is None:
            return None
        key = Path(self.ssl_keyfile) if self.ssl_keyfile else None
        return Certificate(Path(self.ssl_certfile), key, self.ssl_keyfile_password or "")

    def beyond_loopback(self) -> str:
        """Return the flag by which others than this machine reach the server, or nothing.

        Raises: UsageError for an address that there is not.
        """
        try:
            return "" if is_loopback(self.server_name) else f"--server-name {self.server_name}"
        except OSError:
            raise UsageError(
                f"--server-name {self.server_name}: no such address here; 127.0.0.1 is this machine alone"
            ) from None


Flags = TypeVar("Flags", bound=AddressFlags)


def add_options(function: Callable[..., int], options: tuple[Option, ...]) -> Callable[..., int]:
    """Give a command options, in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def split(flags: Mapping[str, Any], kind: type[Flags]) -> tuple[Flags, dict[str, Any]]:
    """Return the flags of a command itself, and those of the settings.

    Raises: UsageError for a setting of the terminal.
    """
    own = {item.name for item in fields(kind)}
    asked = kind(**{name: flags[name] for name in own})
    settings = {name: value for name, value in flags.items() if name not in own}
    for name, spec in SPECS.items():
        if spec.scope == "terminal" and settings[name] is not None:
            raise UsageError(f"{flag_of(name)} is for the terminal: leave it out")
    if asked.concurrency is not None:
        if settings["parallel"] is not None:
            raise UsageError("--concurrency and --parallel are the same: give one of them")
        settings["parallel"] = asked.concurrency
    return asked, settings
