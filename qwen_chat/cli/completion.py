"""`qwen-chat completion`: tab completion of commands, flags and their values in a shell."""

import sys
from collections.abc import Iterator
from contextlib import suppress

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_QWEN_CHAT_COMPLETE"
"""The environment variable that the scripts set when they ask for completions."""

_INSTALL = """\b
In ~/.bashrc:  eval "$(qwen-chat completion bash)"
In ~/.zshrc:   eval "$(qwen-chat completion zsh)"
For fish:      qwen-chat completion fish > ~/.config/fish/completions/qwen-chat.fish
"""


@click.command(epilog=_INSTALL)
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script that makes a shell complete qwen-chat's commands, flags and their values."""
    sys.stdout.write(f"{_completer(context.find_root().command, shell).source()}\n")
    return 0


def print_completions(root: click.Command, instruction: str) -> int:
    """Answer the script of a shell that asks what may follow; print nothing after an error: a person types.

    `instruction` is the value of VARIABLE, such as "bash_complete". Return the exit code.
    """
    with suppress(Exception):
        completer = _completer(root, instruction.partition("_")[0])
        for item in _list_completions(completer):
            sys.stdout.write(f"{completer.format_completion(item)}\n")
        return 0
    return 1


def _list_completions(completer: ShellComplete) -> Iterator[CompletionItem]:
    before, incomplete = completer.get_completion_args()
    # In bash the equals sign of --name=value is a word of its own; in zsh and fish all of it is one word.
    before, incomplete = [word for word in before if word != "="], incomplete.removeprefix("=")
    flag = incomplete[: incomplete.find("=") + 1] if incomplete.startswith("--") else ""
    found = completer.get_completions(before, incomplete)
    # The shell completes files where qwen-chat has nothing to offer.
    for item in found or [CompletionItem(incomplete.removeprefix(flag), type="file")]:
        yield CompletionItem(flag + item.value, item.type, item.help)


def _completer(root: click.Command, shell: str) -> ShellComplete:
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has all of SHELLS
    return kind(root, {}, root.name or "", VARIABLE)
