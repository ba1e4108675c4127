"""The root command imports a subcommand when it is used, and nothing else."""

import subprocess
import sys

import click
import pytest

from qwen_chat import cli
from qwen_chat.cli.root import COMMANDS, root

LIST_MODULES = """
import sys
from qwen_chat import cli
cli.main(sys.argv[1:])
sys.stderr.write("\\n".join(sys.modules))
"""


def modules_after(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", LIST_MODULES, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines())


def test_the_help_imports_no_subcommand_and_no_engine() -> None:
    loaded = modules_after("--help")
    assert not {f"qwen_chat.cli.{name}" for name in COMMANDS if name != "completion"} & loaded
    assert (
        not {"qwen_chat.cli.chat", "qwen_chat.session.session", "qwen_chat.model.factory", "sqlite3"} & loaded
    )


def test_a_subcommand_does_not_import_the_flags_of_the_chat() -> None:
    loaded = modules_after("completion", "bash")
    assert not {"qwen_chat.cli.chat_flags", "qwen_chat.settings", "qwen_chat.roles"} & loaded


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_is_found(name: str) -> None:
    with click.Context(root) as context:
        command = root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert root.get_command(context, name.upper()) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chat"], "unknown command 'chat': did you mean qwen-chat chats?; a question is given with -p"),
        (["xyz"], f"unknown command 'xyz': there are: {', '.join(COMMANDS)}; a question is given with -p"),
        (["-s", "1", "chats"], "Got unexpected extra argument (chats): a command is the first word"),
    ],
)
def test_words_that_are_no_command(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr() == ("", f"qwen-chat: {message}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_subcommand_names_it(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.main([name, "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: qwen-chat {name} ")
