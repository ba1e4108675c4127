"""`qwen-chat completion`: what makes a shell complete commands, flags and their values."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_QWEN_CHAT_COMPLETE"
"""The scripts set it when they ask what may follow."""

_NAME = "qwen-chat"
_INSTALL = """\b
In ~/.bashrc:  eval "$(qwen-chat completion bash)"
In ~/.zshrc:   eval "$(qwen-chat completion zsh)"
For fish:      qwen-chat completion fish > ~/.config/fish/completions/qwen-chat.fish
"""


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_INSTALL,
)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script that makes a shell complete qwen-chat's commands, flags and their values."""
    sys.stdout.write(f"{_completer(shell).source()}\n")
    return 0


def answer(asked: str) -> int:
    """Say what may follow, to the script of a shell; a fault is silence, in the middle of a line."""
    with suppress(Exception):
        completer = _completer(asked.partition("_")[0])
        for item in _items(completer):
            sys.stdout.write(f"{completer.format_completion(item)}\n")
        return 0
    return 1


def _items(completer: ShellComplete) -> Iterator[CompletionItem]:
    before, begun = completer.get_completion_args()
    # To bash the equals sign of --name=value is a word of its own; to others, all of it is one word.
    before, begun = [word for word in before if word != "="], begun.removeprefix("=")
    flag = begun[: begun.find("=") + 1] if begun.startswith("--") else ""
    found = completer.get_completions(before, begun)
    # Where we know nothing, the shell knows its files.
    for item in found or [CompletionItem(begun.removeprefix(flag), type="file")]:
        yield CompletionItem(flag + item.value, item.type, item.help)


def _completer(shell: str) -> ShellComplete:
    from qwen_chat.cli.chat import chat

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all of SHELLS
    return kind(_Words(_NAME, params=chat.params), {}, _NAME, VARIABLE)


class _Words(click.Group):
    """All commands as one, though each is imported only when it is meant; without one it is the chat."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from qwen_chat.cli.main import COMMANDS

        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"qwen_chat.cli.{cmd_name}"), cmd_name)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from qwen_chat.cli.main import COMMANDS

        flags = click.Command.shell_complete(self, ctx, incomplete)
        if any(ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ctx.params):
            return flags  # a command is the first word
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [*(CompletionItem(name, help=COMMANDS[name]) for name in names), *flags]
