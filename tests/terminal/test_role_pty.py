"""Roles as a person plays them, picked and imported: the real command on a real pty, with the real model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import Terminal
from pictures import embedded, picture
from places import DATA

from qwen_chat.roles import own_roles_dir

CARDS = DATA / "cards"
CALM = ("--temperature", "0", "--max-new-tokens", "6", "--user-name", "Ann")
UP, DOWN, END = "\x1b[A", "\x1b[B", "\x1b"
HELP = "↑ ↓ move"


@pytest.fixture
def chat(model_path: Path) -> Iterator[Terminal]:
    opened = Terminal(*CALM, size=(24, 100))
    opened.ready()
    yield opened
    opened.kill()


def picked(chat: Terminal) -> str:
    """Return the line of the list that is marked."""
    return next(line for line in chat.screen.display if line.startswith("› "))


def press(chat: Terminal, keys: str, marked: str) -> None:
    chat.press(keys)
    chat.wait_for(lambda _: any(line.startswith(f"› {marked} ") for line in chat.screen.display), 10)


def flat(text: str) -> str:
    """Return a text without the breaks that the terminal's width made."""
    return " ".join(text.split())


def test_a_role_is_picked_from_the_list(chat: Terminal) -> None:
    chat.press("/role\r")
    chat.wait_for(HELP)
    assert picked(chat).startswith("› compliments ")
    assert "│ Writer of compliments" in chat.text()
    assert "│ You write beautiful, sincere compliments. " in chat.text()
    press(chat, DOWN, "compliments-zh")
    press(chat, DOWN + DOWN + UP, "concise")
    press(chat, "pir", "pirate")
    assert "» Ahoy there! Mind the wet paint" in chat.text()
    assert "compliments" not in "\n".join(chat.screen.display)
    press(chat, DOWN + DOWN + DOWN, "pirate-zh")
    press(chat, "\x7f\x7f\x7fdete", "detective")
    chat.press("\r")
    shown = chat.ready(2)
    assert "new chat as Ada Quill, private detective" in shown
    assert HELP not in shown
    assert "compliments" not in shown
    chat.press("/role\r")
    chat.wait_for(HELP)
    assert picked(chat).startswith("› detective ")


@pytest.mark.parametrize("leave", ["\x1b", "\x03", "\x04"])
def test_leaving_the_list_changes_nothing(chat: Terminal, leave: str) -> None:
    chat.press("/role\r")
    chat.wait_for(HELP)
    chat.press("nothing like this")
    chat.wait_for("nothing matches")
    chat.press("\r")
    chat.read(0.3)
    assert HELP in chat.text()
    chat.press(leave)
    shown = chat.ready(2, 10)
    assert HELP not in shown
    assert "nothing like this" not in shown
    assert "You are a helpful assistant." in chat.say("/system")


def test_the_list_in_a_narrow_terminal(model_path: Path) -> None:
    chat = Terminal(size=(14, 20))
    try:
        chat.ready()
        chat.press("/role\r")
        chat.wait_for("↑ ↓ move")
        press(chat, "pirate-z", "pirate-zh")
        chat.resize(24, 90)
        chat.wait_for("│ 海盗船长铁鹦鹉")
        chat.press("\r")
        chat.wait_for("new chat as 海盗船长铁鹦鹉")
    finally:
        chat.kill()


@pytest.mark.parametrize(("flags", "environ"), [(("--plain",), {}), ((), {"TERM": "dumb"})])
def test_a_plain_terminal_lists_roles(
    model_path: Path, flags: tuple[str, ...], environ: dict[str, str]
) -> None:
    chat = Terminal(*CALM, *flags, environ=environ)
    try:
        chat.ready()
        chat.say("/role detective")
        shown = chat.say("/role")
        assert "* detective        Ada Quill, private detective" in shown
        assert "  pirate-zh        海盗船长铁鹦鹉" in shown
        assert HELP not in shown
    finally:
        chat.kill()


def test_a_v2_card_is_imported_and_played(chat: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "Mara's card.json"
    path.write_bytes((CARDS / "keeper.v2.json").read_bytes())
    shown = chat.say(f"/role import {path}")
    assert "Mara Voss is the role mara-voss now (3 greetings, 2 lore by keys)" in shown
    assert "its maker says: Best with long answers." in shown
    assert "play it: /role mara-voss" in shown
    shown = chat.say("/role mara-voss")
    assert "new chat as Mara Voss" in shown
    assert "it can begin in 3 ways: /role mara-voss 2 takes the second" in shown
    assert "*Mara Voss holds the door against the wind.* Come in, Ann, before the sea does." in shown
    chat.say("Was Halvard here?")
    prompt = chat.say("/prompt")
    assert "Never end the storm by yourself." in prompt
    assert "Halvard, the brother of Mara Voss, drowned" in prompt.replace("\n", "")
    assert "Oda" not in prompt
    assert "no greeting 4: mara-voss has 3" in chat.say("/role mara-voss 4")
    assert "The lamp said you would come, Ann." in chat.say("/role mara-voss 2")
    assert "[1] Assistant: *Three knocks answer yours.*" in chat.say("/history")


def test_cards_in_png_are_played(chat: Terminal, tmp_path: Path) -> None:
    for name, keyword in (("courier.v2.json", "chara"), ("archivist.v3.json", "ccv3")):
        value = json.loads((CARDS / name).read_text(encoding="utf-8"))
        (tmp_path / f"{keyword}.png").write_bytes(picture((keyword, embedded(value))))
    assert "林晚舟 is the role 林晚舟 now" in chat.say(f"/role import {tmp_path}/chara.png")
    assert "（推门进来，斗篷滴着水）Ann？你的信" in chat.say("/role 林晚舟")
    shown = chat.say(f"/role import '{tmp_path}/ccv3.png' --name archive")
    assert "left out: lore 3 (dragons), its keys are regular expressions" in shown
    assert "Welcome, Ann. Which book did you come to forget?" in chat.say("/role archive")
    chat.say("The silver moon?")
    prompt = chat.say("/prompt").replace("\n", "")
    assert "The silver key opens only under a full moon." in prompt
    assert "Dragons" not in prompt


def test_bad_cards_leave_the_chat_as_it_is(chat: Terminal, tmp_path: Path) -> None:
    whole = picture(("chara", b"e30="))
    (tmp_path / "cut.png").write_bytes(whole[:50])
    (tmp_path / "empty.png").write_bytes(whole)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(50_000_000)
    for argument, told in {
        f"{tmp_path}/cut.png": "the PNG is damaged, the chunk tEXt at byte 33 is cut off",
        f"{tmp_path}/empty.png": "no character card: it has neither a spec nor a name and a description",
        f"{tmp_path}/large.png": "large.png is larger than 16 MiB: save the card with a smaller picture",
        f"{CARDS}/keeper.v2.json --name ../up": "--name ../up: a role's name has only small letters",
        "": "name the card: /role import CARD.png",
        "'x": "a quotation mark is not closed",
    }.items():
        assert told in flat(chat.say(f"/role import {argument}"))
    assert not own_roles_dir().exists()
    assert "unknown role '../pirate'" in chat.say("/role ../pirate")
    own_roles_dir().mkdir(parents=True)
    (own_roles_dir() / "bad.toml").write_text('title = "B"\nsystem = "S"\n[[lore]]\nkey = "k"\n')
    shown = flat(chat.say("/role bad"))
    assert "bad.toml, line 4: unknown key 'key': did you mean keys?" in shown
    chat.press("/role\r")
    chat.wait_for(HELP)
    assert "line 4: unknown key 'key'" in flat(chat.text())
    chat.press("\x1b")
    chat.wait_for(lambda text: text.endswith("\n>>>"))
    assert "You are a helpful assistant." in chat.say("/system")
