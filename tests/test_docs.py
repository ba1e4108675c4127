"""The docs name every command of the chat and of the command line, and CONTRIBUTING the rooms as they are."""

import re
from pathlib import Path

import pytest
from places import ROOT
from test_layers import LEVEL

from qwen_chat.cli.root import COMMANDS as SUBCOMMANDS
from qwen_chat.commands import COMMANDS

PACKAGE = ROOT / "qwen_chat"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
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


def rooms_of_the_guide() -> dict[str, str]:
    """Return the rooms in the tree of CONTRIBUTING.md, each with its sentence."""
    tree = CONTRIBUTING.partition("```\nqwen_chat/\n")[2].partition("```")[0]
    found: dict[str, str] = {}
    parent = ""
    for indent, name, sentence in re.findall(r"(?m)^( +)(\S+) +(\S.*)$", tree):
        parent = parent if len(indent) > 2 else name
        found[name if len(indent) == 2 else f"{parent}{name}"] = sentence
    return found


def rooms_within(folder: Path) -> set[str]:
    """Return the modules and the folders of modules in a folder; what an old checkout left behind is none."""
    modules = {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}
    return modules | {f"{path.parent.name}/" for path in folder.glob("*/*.py")}


def test_the_guide_names_exactly_the_rooms_that_exist() -> None:
    guide = rooms_of_the_guide()
    top = {room for room in guide if room.count("/") < 2}
    assert top == rooms_within(PACKAGE)
    assert len(top) <= 25
    for parent in ("model/", "terminal/"):
        inner = {room.removeprefix(parent) for room in guide if room.startswith(parent) and room != parent}
        assert inner == {room for room in rooms_within(PACKAGE / parent) if room.endswith("/")}
    assert all((PACKAGE / room).is_dir() for room in guide if room.endswith("/"))


def test_the_guide_lists_rooms_in_the_order_of_imports() -> None:
    levels = [
        LEVEL[room.strip("/").removesuffix(".py")] for room in rooms_of_the_guide() if room.count("/") < 2
    ]
    assert levels == sorted(levels)


def test_the_guide_sends_nobody_to_a_file_that_is_not_there() -> None:
    table = CONTRIBUTING.partition("## Where do I go")[2].partition("## Rules")[0]
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", table)
    assert len(paths) >= 10
    for path in paths:
        assert (PACKAGE / path).exists(), path
