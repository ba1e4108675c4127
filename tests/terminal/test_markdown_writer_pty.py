"""Streamed answers on real terminals: a pty read by pyte, and tmux, which breaks lines anew on a resize."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driver import Terminal
from places import ROOT
from test_markdown_writer import ANSWERS, cut, printed, scrollback

SHOWING = [sys.executable, str(ROOT / "tests/helpers/showing.py")]
OURS = re.compile(r"\x1b\[[\d;]*m|\x1b\[\d+A|\x1b\[[JK]|\x1b\[\?7[lh]|\r")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

Deltas = list[tuple[str, Any]]


def slowly(text: str, size: int, seconds: float, kind: str = "text") -> Deltas:
    """Cut a text into pieces that take `seconds` together."""
    pieces = cut(text, size)
    return [pair for piece in pieces for pair in ((kind, piece), ("wait", seconds / len(pieces)))]


def written(folder: Path, deltas: Deltas, **options: Any) -> Path:
    path = folder / "script.json"
    path.write_text(json.dumps({"deltas": deltas, "options": {"style": "markdown", **options}}))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Show deltas on a pty, to the end."""
    opened: list[Terminal] = []

    def start(
        deltas: Deltas, *, size: tuple[int, int] = (24, 80), done: bool = True, **options: Any
    ) -> Terminal:
        environ = options.pop("environ", {})
        script = str(written(tmp_path, deltas, **options))
        terminal = Terminal(script, size=size, command=SHOWING, environ=environ)
        opened.append(terminal)
        if done:
            terminal.wait_for("DONE", seconds=20)
        return terminal

    yield start
    for terminal in opened:
        terminal.kill()


def answer(terminal: Terminal) -> list[str]:
    return terminal.text().split("\n")[:-1]


@pytest.mark.parametrize("name", ANSWERS)
def test_awkward_answers_on_a_pty(run: Any, name: str) -> None:
    terminal = run(slowly(ANSWERS[name], 3, 0.4))
    assert answer(terminal) == scrollback(printed([ANSWERS[name]]))
    # The kernel ends lines with a carriage return.
    left = OURS.sub("", terminal.raw.decode())
    assert not CONTROL.search(left)


@pytest.mark.parametrize("rows", [4, 10])
def test_a_long_line_on_a_low_screen(run: Any, rows: int) -> None:
    text = " ".join(f"w{number:04}" for number in range(600))
    terminal = run(slowly(text, 20, 0.5), size=(rows, 20))
    assert re.findall(r"w\d+", " ".join(answer(terminal))) == text.split()


def test_reasoning_is_folded(run: Any) -> None:
    thoughts = "\n".join(f"thought {number} of many" for number in range(40))
    script = [*slowly(thoughts, 5, 0.5, "reasoning"), ("wait", 0.1), ("reasoning", "."), ("wait", 0.5)]
    terminal = run([*script, ("text", "\n\nThe *answer*.")], done=False)
    shown = terminal.wait_for("thought 39 of many")
    assert "thought 30" not in shown
    assert b"\x1b[2m" in terminal.raw
    shown = terminal.wait_for("DONE")
    lines = answer(terminal)
    assert re.fullmatch(r"thought for \d+\.\d s \(160 words\)", lines[0])
    assert lines[1:] == ["The answer."]


def test_hidden_reasoning_is_one_line(run: Any) -> None:
    script = [*slowly("a secret 你好 thought", 3, 0.3, "reasoning"), ("text", "Answer")]
    for options in ({}, {"style": "plain"}, {"style": "spoken"}):
        terminal = run(script, hide_thinking=True, **options)
        assert re.fullmatch(r"thought for \d+\.\d s \(5 words\)", answer(terminal)[0])
        assert answer(terminal)[1:] == ["Answer"]
        assert b"secret" not in terminal.raw


def test_reasoning_without_an_answer(run: Any) -> None:
    assert answer(run([("reasoning", "one")]))[0].endswith("(1 word)")
    assert answer(run([("reasoning", "\n\n"), ("text", "Yes")])) == ["Yes"]


def test_plain_and_spoken_have_no_escapes(run: Any) -> None:
    script: Deltas = [("reasoning", "I think"), *slowly("\n**One.** Two \x1b[31mthree\nfour", 4, 0.2)]
    plain = run(script, style="plain")
    assert answer(plain) == ["I think", "", "**One.** Two [31mthree", "four"]
    spoken = run(script, style="spoken")
    assert answer(spoken) == ["thinking ...", "", "**One.** Two [31mthree", "four"]
    for terminal in (plain, spoken):
        assert b"\x1b" not in terminal.raw


def test_sentences_come_whole(run: Any) -> None:
    terminal = run(
        [*slowly("The first one. And the", 1, 0.2), ("wait", 1.0), ("text", " end")],
        style="spoken",
        done=False,
    )
    assert terminal.wait_for("first").rstrip() == "The first one."
    assert "And the end" in terminal.wait_for("DONE")


def test_without_colours_the_layout_stays(run: Any) -> None:
    text = "# Head\n- **a** `b`\n```python\nif x: pass\n```\n"
    terminal = run([("text", text)], environ={"NO_COLOR": "1"})
    assert answer(terminal)[:2] == ["Head", "• a b"]
    assert not re.search(rb"\x1b\[[\d;]*3\d", terminal.raw)


def test_ctrl_c_leaves_a_fresh_line(run: Any) -> None:
    terminal = run([*slowly("half of an **ans", 2, 0.2), ("wait", 30)], done=False)
    terminal.wait_for("half of an")
    terminal.read(0.3)
    terminal.press("\x03")
    terminal.wait_for("DONE")
    assert answer(terminal)[-1].endswith("half of an **ans")
    assert terminal.text().split("\n")[-1] == "DONE"


RESIZED = "\n\n".join(
    " ".join(f"w{paragraph}{number:02}" for number in range(60)) for paragraph in range(1, 10)
)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_resizing_tears_nothing(tmp_path: Path, kind: str) -> None:
    script = written(tmp_path, [*slowly(RESIZED, 6, 3.0, kind), ("wait", 0.2), ("text", "\nEnd")])
    socket = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]

    def tmux(*arguments: str) -> str:
        return subprocess.run([*socket, *arguments], capture_output=True, text=True, check=True).stdout

    command = " ".join([*SHOWING, str(script)])
    tmux("new-session", "-d", "-x", "80", "-y", "24", f"seq 40; {command}; sleep 60")
    try:
        for width in (40, 120, 50):
            time.sleep(0.8)
            tmux("resize-window", "-x", str(width), "-y", "24")
        end = time.monotonic() + 30
        while "DONE" not in (shown := tmux("capture-pane", "-p", "-J", "-S", "-")) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        tmux("kill-server")
    found = re.findall(r"w\d+|End|thought for", shown)
    assert found == ([*RESIZED.split(), "End"] if kind == "text" else ["thought for", "End"])
