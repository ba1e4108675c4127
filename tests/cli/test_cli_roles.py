"""`qwen-chat roles`, run as a process with the real demo model."""

import json
from pathlib import Path

import pytest
from command import RunCommand
from pictures import embedded, picture
from places import DATA

from qwen_chat.cli.main import main
from qwen_chat.roles import own_roles_dir

CARDS = DATA / "cards"


@pytest.fixture
def own(home: Path) -> Path:
    folder = home / "config" / "qwen-chat" / "roles"
    folder.mkdir(parents=True)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["roles", *words])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("words", [[], ["list"]])
def test_list(own: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    (own / "ada.toml").write_text('title = "Ada"\nsystem = "S"')
    (own / "bad.toml").write_text("title = ")
    code, out, err = run(capsys, *words)
    assert code == 2
    assert "* ada              Ada\n" in out
    assert "  pirate           Bess Corrigan, pirate captain\n" in out
    assert err.startswith(f"{own / 'bad.toml'}, line 1: not TOML")


def test_import_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "card.png"
    path.write_bytes(picture(("ccv3", embedded(json.loads((CARDS / "archivist.v3.json").read_text())))))
    code, out, _ = run(capsys, "import", str(path), "--name", "elodie")
    assert code == 0
    assert out.startswith("Élodie the Archivist is the role elodie now")
    assert "  left out: lore 3 (dragons), its keys are regular expressions\n" in out
    code, out, _ = run(capsys, "show", "elodie")
    assert code == 0
    assert out.startswith(f"Élodie the Archivist\n{own_roles_dir() / 'elodie.toml'}\n\nYou are {{{{char}}}}")
    assert "\ngreeting 1: Welcome, {{user}}." in out
    assert "\nlore on door (switched off): The north door is painted shut." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "../x"], "unknown role '../x': there are: "),
        (["import", "nothing.png"], "cannot read nothing.png: No such file or directory"),
        (["import", str(CARDS / "keeper.v2.json"), "--name", "../x"], "--name ../x: a role's name has only"),
        (["test", "nobody"], "unknown role 'nobody'"),
        (["test", "socratic"], "the role socratic has no probes: write some under [[probes]] in "),
        (["test", "pirate", "--role", "concise"], "a role is tested under its own system prompt: leave out"),
        (["test"], "Missing argument 'NAME...'."),
        (["tset"], "No such command 'tset'. Did you mean 'test'?"),
    ],
)
def test_faults(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"qwen-chat: {message}")
    assert err.count("\n") == 1


ROLE = """title = "Ada"
system = "Answer in one word."
[sampling]
temperature = 0
max_new_tokens = 8
[[probes]]
name = "says something"
say = "What is the capital of France?"
must = "/[a-z]/"
language = "en"
runs = 2
[[probes]]
name = "impossible"
say = "Hello"
must = "xyzzy"
"""


def test_test_with_a_real_model(own: Path, qwen_chat: RunCommand) -> None:
    (own / "ada.toml").write_text(ROLE)
    done = qwen_chat("roles", "test", "ada", "--threads", "1")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    shown = {row[1].strip() for row in rows if len(row) > 1}
    assert "ada" in shown
    assert "says something" in done.stdout
    assert "ok 2/2" in done.stdout
    assert "FAILS" in done.stdout
    assert "lacks xyzzy" in done.stdout


def test_test_as_json(own: Path, qwen_chat: RunCommand) -> None:
    (own / "ada.toml").write_text(ROLE)
    done = qwen_chat("roles", "test", "ada", "--json", "--threads", "1", "--seed", "5")
    assert done.returncode == 1
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["role"], first["probe"], first["passed"]) == ("ada", "says something", True)
    assert [run["seed"] for run in first["runs"]] == [5, 6]
    assert first["runs"][0]["said"] == first["runs"][1]["said"]  # temperature 0
    assert second["passed"] is False
    assert second["runs"][0]["faults"] == ["lacks xyzzy"]
    (own / "ada.toml").write_text(ROLE[: ROLE.rindex("[[probes]]")])
    assert qwen_chat("roles", "test", "ada", "--threads", "1").returncode == 0
