"""`qwen-chat chats` as a process: no model, no engine, and pipes that people build with it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm
from places import DATA

from qwen_chat.export import from_json
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message
from qwen_chat.storage.store import Store, default_path

COMMAND = [sys.executable, "-m", "qwen_chat", "chats"]


def chats(*arguments: str, stdin: str = "", code: int = 0) -> str:
    """Run the command and return what it printed: on stdout, or for a fault its line on stderr."""
    done = warm.run([*COMMAND, *arguments], input=stdin, text=True, encoding="utf-8")
    assert done.returncode == code, done.stderr
    if code:
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
    return str(done.stderr if code else done.stdout)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store(default_path())
    yield opened
    opened.close()


@pytest.fixture
def tides(store: Store) -> History:
    history = History(title="Tides 潮汐")
    history.set_system("Be brief.")
    history.add(Message("user", "Why are there two tides a day?"))
    history.add(
        Message("assistant", "The **Moon**.\x1b]0;x\x07\x9b31m", "hm"),
        AnswerDetails("demo", finish_reason="stop"),
    )
    store.add_all([history])
    return history


def test_lists(store: Store, tides: History) -> None:
    other = History(title="newer")
    other.add(Message("user", "x"))
    store.add_all([other])
    lines = chats("list").splitlines()
    assert [line.split()[:2] for line in lines] == [["1", other.id], ["2", tides.id]]
    assert lines[1].endswith("2 messages  Tides 潮汐")
    assert chats() == chats("list")
    assert chats("list", "-n", "1").splitlines() == lines[:1]
    listed = json.loads(chats("list", "--json"))
    assert [(chat["id"], chat["title"], chat["messages"]) for chat in listed] == [
        (other.id, "newer", 1),
        (tides.id, "Tides 潮汐", 2),
    ]


def test_an_empty_home() -> None:
    assert chats("list") == "no conversation is saved yet\n"
    assert chats("list", "--json") == "[]\n"
    assert chats("search", "x") == "no saved chat holds all of: x\n"
    assert "no chat 1 in the list: it has 0" in chats("show", "1", code=2)


def test_search(tides: History) -> None:
    shown = chats("search", "tides", "two")
    assert f"  1  {tides.id}" in shown
    assert "You: Why are there «two tides» a day?" in shown
    (found,) = json.loads(chats("search", "--json", "moon"))
    assert found["id"] == tides.id
    assert found["hits"][0]["excerpt"].startswith("The **«Moon»**.")
    assert "Missing argument" in chats("search", code=2)
    assert "say what to search for" in chats("search", " ", code=2)


def test_show(tides: History) -> None:
    shown = chats("show", "1")
    assert shown.startswith("# Tides 潮汐\n\n## System · ")
    assert "The **Moon**." in shown
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    again = from_json(chats("show", tides.id[:6], "--json"))
    assert [node.message for node in again.nodes()] == [node.message for node in tides.nodes()]
    assert "\x9b" not in chats("show", "1", "--json")


def test_show_to_one_who_reads_one_line(tides: History) -> None:
    shell = f"{' '.join(COMMAND)} show 1 | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("# Tides 潮汐\n", "", 0)


def test_export(tides: History, tmp_path: Path) -> None:
    assert "The **Moon**.\x1b]0;x\x07" in chats("export", "1")
    page = tmp_path / "page.html"
    assert chats("export", "1", "-o", str(page)) == ""
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "exists: choose another name" in chats("export", "1", "-o", str(page), code=2)
    sample = json.loads(chats("export", "1", "--format", "qwen"))[0]
    assert sample["system"] == "Be brief."
    assert "add --format" in chats("export", "1", "-o", str(tmp_path / "x.pdf"), code=2)
    chats("export", "1", "--format", "md", "-o", str(tmp_path / "x.pdf"))
    assert "no conversation begins with 'zzz'" in chats("export", "zzz", code=2)
    assert "is not one of" in chats("export", "1", "--format", "pdf", code=2)


def test_import(store: Store, tmp_path: Path) -> None:
    files = [str(DATA / name) for name in ("chatgpt.json", "openwebui.json", "sharegpt.jsonl")]
    done = warm.run([*COMMAND, "import", *files], text=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "7 chats imported"
    assert done.stderr == "left out: chat 3 'New chat': nothing is said in it\n"
    assert len(store.recent()) == 7
    assert chats("import", *files).splitlines() == ["0 chats imported, 7 were there already"]
    bad = tmp_path / "bad.json"
    bad.write_text("[{}]")
    new = tmp_path / "new.json"
    new.write_text('{"conversations": [{"from": "user", "value": "new"}]}')
    told = chats("import", str(new), str(bad), code=2)
    assert told.startswith(f"qwen-chat: no chat in {bad}: it has none of the known forms")
    assert len(store.recent()) == 7


def test_what_is_exported_comes_back_elsewhere(tides: History, tmp_path: Path) -> None:
    path = tmp_path / "tides.json"
    chats("export", "1", "-o", str(path))
    chats("delete", "1", "--yes")
    assert chats("import", str(path)).startswith("1 chat imported\n")
    again = from_json(chats("show", "1", "--json"))
    assert [node.message for node in again.nodes()] == [node.message for node in tides.nodes()]


def test_delete_asks(store: Store, tides: History) -> None:
    assert chats("delete", "1", stdin="n\n").endswith(" stays\n")
    assert len(store.recent()) == 1
    assert chats("delete", tides.id, stdin="y\n").startswith('deleted "Tides 潮汐" (2 messages, last ')
    assert store.recent() == []


def test_delete_without_an_answer(store: Store, tides: History) -> None:
    done = warm.run([*COMMAND, "delete", "1"], input="", text=True)
    assert done.returncode == 130
    assert len(store.recent()) == 1


def test_on_a_terminal_nothing_is_an_escape(tides: History) -> None:
    ours, theirs = pty.openpty()
    assert warm.run([*COMMAND, "export", "1"], stdout=theirs).returncode == 0
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "The **Moon**." in shown
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_no_engine_is_loaded(tides: History) -> None:
    runs = "main(['chats', 'list']); main(['chats', 'search', 'moon'])"
    code = f"import sys; from qwen_chat.cli import main; {runs}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    heavy = {"xllamacpp", "torch", "transformers", "rich", "prompt_toolkit", "markdown_it", "pygments", "nh3"}
    assert not loaded & heavy


@pytest.mark.parametrize("arguments", [["--help"], ["import", "--help"], ["nosuch"]])
def test_help_and_unknown_words(arguments: list[str]) -> None:
    if arguments == ["nosuch"]:
        assert "No such command 'nosuch': qwen-chat chats --help lists them" in chats("nosuch", code=2)
    else:
        assert "Usage: qwen-chat chats" in chats(*arguments)
