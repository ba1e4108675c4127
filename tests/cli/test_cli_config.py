"""`qwen-chat config`: the settings in force, and the flag, variable, role or line that sets each."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import RunCommand

from qwen_chat import sampling
from qwen_chat.settings import SPECS

FILE = """# mine
threads = 2
system = "Be brief."
ctx_size = 2048

[sampling]
top_k = 7
temperature = 0.1
"""
ROLE = """title = "R"
system = "Be a role."

[sampling]
temperature = 0.3
"""


@pytest.fixture
def folder(home: Path) -> Path:
    """Write a config.toml and a role."""
    folder = home / "config" / "qwen-chat"
    (folder / "roles").mkdir(parents=True)
    (folder / "config.toml").write_text(FILE)
    (folder / "roles" / "mine.toml").write_text(ROLE)
    return folder


def shown(qwen_chat: RunCommand, *arguments: str) -> dict[str, Any]:
    done = qwen_chat("config", "show", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert set(found) == {*SPECS, *sampling.NAMES}
    return found


def test_every_setting_and_where_it_comes_from(
    qwen_chat: RunCommand, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "3")
    monkeypatch.setenv("QWEN_CHAT_TOP_P", "0.5")
    monkeypatch.setenv("QWEN_CHAT_MIN_P", "")
    found = shown(qwen_chat, "--origin", "--role", "mine", "--seed", "5", "--no-history")
    file = str(folder / "config.toml")

    def said(name: str) -> tuple[Any, str, str, int | None]:
        origin = found[name]["origin"]
        return found[name]["value"], origin["kind"], origin["name"], origin["line"]

    assert said("threads") == (3, "environment", "QWEN_CHAT_THREADS", None)
    assert said("top_p") == (0.5, "environment", "QWEN_CHAT_TOP_P", None)
    assert said("ctx_size") == (2048, "file", file, 4)
    assert said("top_k") == (7, "file", file, 7)
    assert said("system") == ("Be a role.", "role", "mine", None)
    assert said("temperature") == (0.3, "role", "mine", None)
    assert said("seed") == (5, "flag", "--seed", None)
    assert said("history") == (False, "flag", "--no-history", None)
    assert said("role") == ("mine", "flag", "--role", None)
    assert said("min_p") == (None, "default", "", None)
    assert said("parallel") == (4, "default", "", None)


def test_without_a_role_the_file_counts(qwen_chat: RunCommand, folder: Path) -> None:
    found = shown(qwen_chat)
    assert (found["system"], found["temperature"]) == ("Be brief.", 0.1)
    found = shown(qwen_chat, "--system", "", "--origin")
    assert found["system"] == {"value": "", "origin": {"kind": "flag", "name": "--system", "line": None}}


def test_for_people(qwen_chat: RunCommand, folder: Path) -> None:
    plain = qwen_chat("config", "show")
    assert qwen_chat("config").stdout == plain.stdout
    assert "ctx_size           = 2048\n" in plain.stdout
    assert "top_p              = the checkpoint's own\n" in plain.stdout
    assert str(folder) not in plain.stdout
    long = qwen_chat("config", "show", "--origin", "--system", "\x1b[31m" + "long " * 100).stdout
    lines = {line.split()[0]: line for line in long.splitlines()}
    assert lines["ctx_size"].endswith(f"{folder / 'config.toml'}, line 4")
    assert lines["parallel"].endswith("  default")
    assert max(len(line) for line in lines.values()) < 120 + len(str(folder))
    assert "\x1b" not in long


def test_path_and_check(qwen_chat: RunCommand, folder: Path) -> None:
    assert qwen_chat("config", "path").stdout == f"{folder / 'config.toml'}\n"
    assert qwen_chat("config", "check").stdout == f"{folder / 'config.toml'}: no errors\n"
    (folder / "config.toml").unlink()
    assert qwen_chat("config", "check").stdout == f"{folder / 'config.toml'}: no such file, which is fine\n"


@pytest.mark.parametrize("command", [("show",), ("show", "--origin"), ("check",), ()])
def test_a_fault_is_one_line_with_its_place(
    qwen_chat: RunCommand, folder: Path, command: tuple[str, ...]
) -> None:
    (folder / "config.toml").write_text("\nthreads = 0")
    done = qwen_chat("config", *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"qwen-chat: {folder / 'config.toml'}, line 2: threads must be a whole number from 1 to 1,024\n"
    )


def test_a_role_that_is_not_there(qwen_chat: RunCommand, folder: Path) -> None:
    (folder / "config.toml").write_text('role = "mina"')
    done = qwen_chat("config", "check")
    assert (done.returncode, done.stderr) == (2, "qwen-chat: unknown role 'mina': did you mean mine?\n")
