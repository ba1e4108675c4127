"""What can be typed is written down: every command of the chat and of the command line, every setting."""

import pytest
from places import ROOT

from qwen_chat.cli.root import COMMANDS as SUBCOMMANDS
from qwen_chat.commands import COMMANDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
WRITTEN = README + "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))


@pytest.mark.parametrize("name", [command.names[0] for command in COMMANDS])
def test_a_command_of_the_chat_is_in_the_table(name: str) -> None:
    table = [line for line in README.splitlines() if line.startswith("| `/")]
    assert any(f"`/{name}`" in line or f"`/{name} " in line for line in table)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_command_of_the_shell_is_shown(name: str) -> None:
    assert f"qwen-chat {name}" in WRITTEN


@pytest.mark.parametrize("picture", ["terminal", "tree", "tokens"])
def test_a_picture_is_there(picture: str) -> None:
    assert f"(assets/{picture}.svg)" in README
    assert (ROOT / "assets" / f"{picture}.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_of_the_page_is_there(theme: str) -> None:
    assert f"(assets/page-{theme}.png)" in README
    assert (ROOT / "assets" / f"page-{theme}.png").read_bytes().startswith(b"\x89PNG")
