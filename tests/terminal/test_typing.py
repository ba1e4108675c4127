"""Typing as a person does it: the real command on a real pty, with small models."""

import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driver import PROMPT, Terminal

from qwen_chat.storage.store import Store, default_path

BRIEF = ("--temperature", "0", "--max-new-tokens", "1")
PASTE = "\x1b[200~{}\x1b[201~"
UP, RIGHT, ALT_ENTER, EDIT, SEARCH = "\x1b[A", "\x1b[C", "\x1b\r", "\x18\x05", "\x12"

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(model_path: Path, babbler: Path) -> Iterator[Open]:
    """Open chats, with the slower demo model for long answers; what is left open is closed."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, **options: object) -> Terminal:
        model = model_path if arguments else babbler
        opened.append(Terminal("-c", str(model), *(arguments or BRIEF), **options))  # type: ignore[arg-type]
        opened[-1].ready()
        return opened[-1]

    yield open_terminal
    for chat in opened:
        chat.kill()


def asked() -> list[str]:
    """What was asked in the newest conversation on disk."""
    store = Store(default_path())
    path = store.load(store.recent(1)[0].id).path()
    store.close()
    return [node.message.content for node in path if node.message.role == "user"]


def line(chat: Terminal) -> str:
    """Return the last line on the screen."""
    return chat.text().splitlines()[-1]


def shows(chat: Terminal, last: str) -> None:
    """Wait until the last line is `last`."""
    chat.wait_for(lambda text: text.splitlines()[-1] == last, 20)


def clear(chat: Terminal) -> None:
    chat.press("\x03")
    shows(chat, PROMPT.strip())


def sent(chat: Terminal, keys: str) -> None:
    """Press keys that send, and wait for the answer."""
    answers = chat.text().count("context")
    chat.press(keys)
    chat.wait_for(lambda text: text.count("context") > answers)
    shows(chat, PROMPT.strip())


def editor(folder: Path, script: str) -> dict[str, str]:
    """Return an environment whose editor is a script."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path), "VISUAL": ""}


def test_lines_that_go_on(terminal: Open) -> None:
    chat = terminal()
    sent(chat, "one\\\rtwo\nthree" + ALT_ENTER + "four\r")
    sent(chat, '"""\rfive\r/history\r\r six\r"""\r')
    sent(chat, "seven \\\\\r")
    assert asked() == ["one\ntwo\nthree\nfour", "five\n/history\n\n six", "seven \\\\"]


@pytest.mark.timing
def test_a_paste_of_200_lines_is_one_message_and_wholly_on_the_screen(terminal: Open) -> None:
    chat = terminal("--max-new-tokens", "1", size=(24, 80))
    pasted = "\n".join(f"line {number} of a paste" for number in range(200))
    began = time.monotonic()
    chat.press(PASTE.format(pasted))
    shows(chat, "... line 199 of a paste")
    chat.press("!")
    shows(chat, "... line 199 of a paste!")
    assert time.monotonic() - began < 3
    chat.press("\r")
    chat.read(1.0)
    chat.press("\x03")
    shows(chat, PROMPT.strip())
    assert asked() == [f"{pasted}!"]
    shown = chat.text().splitlines()
    assert shown.index(">>> line 0 of a paste") + 199 == shown.index("... line 199 of a paste!")


def test_a_pasted_nul_and_escapes_are_harmless(terminal: Open) -> None:
    chat = terminal()
    start = len(chat.raw)
    sent(chat, PASTE.format("a\x00b\x1b]0;owned\x07\x1b[31mc\x9bd\r\ne") + "\r")
    assert b"\x1b]0;" not in chat.raw[start:]
    assert b"\x1b[31m" not in chat.raw[start:]
    assert asked() == ["ab]0;owned[31mcd\ne"]


def test_bytes_that_are_no_text_end_nothing(terminal: Open) -> None:
    chat = terminal()
    chat.process.send(b"caf\xe9 au lait\r")
    chat.wait_for("context ")
    assert asked() == ["caf\ufffd au lait"]


def test_up_goes_through_the_text_and_then_to_what_was_typed(terminal: Open) -> None:
    chat = terminal()
    chat.say("/stats")
    chat.press("one\ntwo")
    shows(chat, "... two")
    chat.press(UP + "X")
    chat.wait_for(">>> oneX")
    chat.press(UP)
    shows(chat, ">>> /stats")
    chat.press("\x1b[B")
    shows(chat, "... two")


def test_typed_lines_are_suggested_and_searched(terminal: Open) -> None:
    chat = terminal()
    chat.say("/conf top_k=3")
    chat.press("/co")
    shows(chat, ">>> /conf top_k=3")
    chat.press(RIGHT + "0\r")
    chat.wait_for("top_k = 30")
    chat.ready(3)
    chat.press(SEARCH + "k=3")
    chat.wait_for("I-search")
    chat.press("\r")
    shows(chat, ">>> /conf top_k=30")
    assert chat.text().count("top_k = 3") == 2
    clear(chat)


def test_suggestions_need_colours_to_be_told_apart(terminal: Open) -> None:
    chat = terminal(*BRIEF, environ={"NO_COLOR": "1"})
    chat.say("/conf top_k=3")
    chat.press("/co")
    chat.read(0.5)
    assert line(chat) == ">>> /co"


def test_escape_twice_clears(terminal: Open) -> None:
    chat = terminal()
    chat.press("one\ntwo")
    shows(chat, "... two")
    chat.press("\x1b\x1b")
    shows(chat, PROMPT.strip())


def test_tab_completes(terminal: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sky notes.md").write_text("x")
    monkeypatch.chdir(tmp_path)
    chat = terminal()
    for typed, shown in (
        ("/ro\tpira\t", ">>> /role pirate"),
        ("/conf temp\td\t", ">>> /conf temperature=default"),
        ("/think of\t", ">>> /think off"),
        ("/load sk\t", ">>> /load sky notes.md"),
        ("what is in @sk\t", '>>> what is in @"sky notes.md"'),
        ("/file sk\t", '>>> /file "sky notes.md"'),
    ):
        chat.press(typed)

        def is_completed(text: str, shown: str = shown) -> bool:
            return any(each.startswith(shown) for each in text.splitlines())

        chat.wait_for(is_completed, 20)
        chat.press("\x1b\x1b")
        shows(chat, PROMPT.strip())


def test_enter_takes_what_is_chosen_in_the_menu(terminal: Open) -> None:
    chat = terminal()
    chat.press("/think o\t\t")
    chat.wait_for(">>> /think on")
    chat.press("\r")
    chat.read(0.5)
    assert "thinking:" not in chat.text()
    chat.press("\r")
    chat.wait_for("thinking: on")


def test_the_editor_changes_what_is_typed(terminal: Open, tmp_path: Path) -> None:
    chat = terminal(*BRIEF, environ=editor(tmp_path, 'printf "and a second\\nline\\033[31m\\n" >> "$1"'))
    chat.press("first" + EDIT)
    shows(chat, "... line[31m")
    assert ">>> firstand a second" in chat.text()
    sent(chat, "!\r")
    assert asked() == ["firstand a second\nline[31m!"]


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        (
            {"EDITOR": "/none/ed -x", "VISUAL": ""},
            "cannot run /none/ed: No such file or directory; set $EDITOR",
        ),
        ({"EDITOR": "false", "VISUAL": ""}, "false ended with code 1: the text is as it was"),
        ({"VISUAL": "'ed"}, "$VISUAL has a quotation mark that is not closed"),
    ],
    ids=["missing", "fails", "quotes"],
)
def test_a_faulty_editor_is_one_line_and_the_text_stays(
    terminal: Open, environ: dict[str, str], fault: str
) -> None:
    chat = terminal(*BRIEF, environ=environ)
    before = len(chat.text().splitlines())
    chat.press("keep me" + EDIT)
    chat.wait_for(fault)
    shows(chat, ">>> keep me")
    assert len(chat.text().splitlines()) == before + 1


def test_vi_keys(terminal: Open, tmp_path: Path) -> None:
    chat = terminal(*BRIEF, "--vi", environ=editor(tmp_path, 'printf " there" >> "$1"'))
    chat.press("hello world\x1b")
    chat.read(0.3)
    chat.press("bdwv")
    shows(chat, ">>> hello  there")
    chat.press("0iOh, \x1b")
    chat.read(0.3)
    sent(chat, "\r")
    assert asked() == ["Oh, hello  there"]


def test_twenty_columns_and_a_window_that_changes(terminal: Open) -> None:
    chat = terminal(*BRIEF, size=(24, 20))
    words = "some text that wraps at least once"
    chat.press(words)
    chat.wait_for("once")
    chat.resize(24, 60)
    chat.press(" and")
    shows(chat, f">>> {words} and")
    chat.resize(24, 15)
    chat.press(" more")
    chat.wait_for("ast once and mo\nre", 20)
    sent(chat, "\r")
    assert asked() == [f"{words} and more"]


def modes(chat: Terminal) -> tuple[int, int]:
    """Return whether the terminal shows keys, and gathers them into lines."""
    local = termios.tcgetattr(chat.process.child_fd)[3]
    return local & termios.ECHO, local & termios.ICANON


@pytest.mark.parametrize("moment", ["prompt", "answer"])
def test_a_terminated_chat_leaves_the_terminal_as_it_was(terminal: Open, moment: str) -> None:
    chat = terminal("--temperature", "0")
    if moment == "answer":
        chat.say("Write a long story about a fox.", wait=False)
        chat.wait_for("Once upon")
    assert modes(chat) == (0, 0)
    chat.process.kill(signal.SIGTERM)
    chat.read(0.5)
    chat.process.wait()
    chat.read(0.5)
    assert chat.process.signalstatus == signal.SIGTERM
    assert all(modes(chat))
    assert chat.raw.endswith(b"\x1b[?2004l")


@pytest.mark.parametrize("moment", ["prompt", "answer"])
@pytest.mark.usefixtures("model_path")
def test_a_chat_is_suspended_and_goes_on(moment: str) -> None:
    shell = Terminal(command=["/bin/sh", "-i"], environ={"PS1": "sh: "})
    shell.wait_for("sh:")
    shell.press(f"{sys.executable} -m qwen_chat --temperature 0 --no-history\r")
    shows(shell, PROMPT.strip())
    if moment == "answer":
        shell.say("Write a long story about a fox.", wait=False)
        shell.wait_for("Once upon")
    shell.press("\x1a")
    # The open line of an answer may stand on behind the shell's prompt.
    shell.wait_for(lambda text: text.splitlines()[-1].startswith("sh:"), 20)
    assert all(modes(shell))
    shell.press("fg\r")
    if moment == "answer":
        shell.read(1.0)
        shell.press("\x03")
        shell.wait_for("interrupted, the partial")
    shows(shell, PROMPT.strip())
    shell.press("/seed 7\r")
    shell.wait_for("seed = 7")
    shows(shell, PROMPT.strip())
    shell.press("\x04")
    shell.wait_for(lambda text: text.splitlines()[-1].strip() == "sh:", 20)
    assert all(modes(shell))
    shell.kill()
