"""A group of commands that imports a command when it is used, and lists all of them without importing any."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from qwen_chat.errors import UsageError

_SUBCOMMAND = f"{__name__}.subcommand"
"""The key in a context's `meta`: whether the first word is a subcommand."""


class LazyGroup(click.Group):
    """A click group whose subcommand `name` is the function `name` in the module `package.name`.

    `summaries` maps each name to its line in the help. A subcommand is the first word: words after a flag
    are not commands. `load_flags` imports the flags that the group has where no subcommand is the first word.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        package: str,
        summaries: Mapping[str, str],
        load_flags: Callable[[], list[click.Parameter]],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package = package
        self._summaries = summaries
        self._load_flags = cache(load_flags)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the flags; for a subcommand, only the group's own, such as --help."""
        own = super().get_params(ctx)
        return own if ctx.meta.get(_SUBCOMMAND) else [*self._load_flags(), *own]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words before a subcommand, or the flags."""
        ctx.meta[_SUBCOMMAND] = bool(args) and args[0] in self._summaries
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all subcommands, in the order of the help."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a subcommand; return None for an unknown name."""
        if cmd_name not in self._summaries:
            return None
        command: click.Command = getattr(import_module(f"{self._package}.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name of a subcommand, the subcommand and its arguments.

        Raises: UsageError for an unknown subcommand, click.UsageError for a word after a flag.
        """
        if ctx.resilient_parsing:
            return (None, None, args) if _has_flags(ctx) else super().resolve_command(ctx, args)
        if _has_flags(ctx):
            ctx.fail(f"Got unexpected extra argument ({args[0]}): a command is the first word")
        if args[0] not in self._summaries:
            raise self._unknown_command(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries of all subcommands into the help."""
        names = self._summaries.items()
        with formatter.section("Commands"):
            formatter.write_dl([(f"{ctx.command_path} {name}", summary) for name, summary in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the flags that may follow, and the subcommands where no flag was given before."""
        flags = click.Command.shell_complete(self, ctx, incomplete)
        if _has_flags(ctx):
            return flags
        names = [name for name in self._summaries if name.startswith(incomplete)]
        return [*(CompletionItem(name, help=self._summaries[name]) for name in names), *flags]

    def _unknown_command(self, name: str) -> UsageError:
        close = get_close_matches(name, self._summaries, n=1)
        known = f"there are: {', '.join(self._summaries)}"
        hint = f"did you mean {self.name} {close[0]}?" if close else known
        return UsageError(f"unknown command {name!r}: {hint}; a question is given with -p")


def _has_flags(ctx: click.Context) -> bool:
    return any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ctx.params)
