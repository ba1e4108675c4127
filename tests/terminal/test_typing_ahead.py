"""Typeahead during an answer, and Ctrl-C: on a real pty, with the real demo model."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driver import PROMPT, Terminal

from qwen_chat.storage.store import Store, default_path

STORY = "Write a long story about a fox."
LONG = ("--temperature", "0", "--max-new-tokens", "100")
PASTE = "\x1b[200~{}\x1b[201~"


@pytest.fixture
def chat(model_path: Path) -> Iterator[Terminal]:
    opened = Terminal(*LONG)
    opened.ready()
    yield opened
    opened.kill()


def begin(chat: Terminal) -> None:
    """Ask, and wait until the answer has begun."""
    begun = chat.text().count("Once upon")
    chat.say(STORY, wait=False)
    chat.wait_for(lambda text: text.count("Once upon") > begun)


def kept() -> list[tuple[str, str]]:
    """What the newest conversation on disk says."""
    store = Store(default_path())
    path = store.load(store.recent(1)[0].id).path()
    store.close()
    return [(node.message.role, node.message.content) for node in path]


def stop(chat: Terminal) -> float:
    """Press Ctrl-C in an answer, and return how long it took to end."""
    pressed = time.monotonic()
    chat.press("\x03")
    chat.wait_for(lambda text: "interrupted" in text, 5)
    return time.monotonic() - pressed


def shows(chat: Terminal, last: str) -> None:
    """Wait until the last line is `last`."""
    chat.wait_for(lambda text: text.splitlines()[-1] == last, 30)


def test_lines_typed_ahead_are_sent_one_after_the_other(chat: Terminal) -> None:
    begin(chat)
    chat.press("/conf max_new_tokens=1\rNäxt 你好🦜?\rand th")
    chat.wait_for(lambda text: text.count("context") == 2)
    shows(chat, ">>> and th")
    chat.press("en?\r")
    chat.wait_for(lambda text: text.count("context") == 3)
    shows(chat, PROMPT.strip())
    assert "max_new_tokens = 1" in chat.text()
    assert [text for role, text in kept() if role == "user"] == [STORY, "Näxt 你好🦜?", "and then?"]


def test_more_than_the_kernel_keeps_is_not_lost(chat: Terminal) -> None:
    chat.say("/conf max_new_tokens=60")
    begin(chat)
    words = " ".join(f"wörd{number}" for number in range(1000))
    assert len(words.encode()) > 8192
    chat.press(f"/system {words}\r")
    chat.wait_for("system prompt replaced")
    shows(chat, PROMPT.strip())
    chat.press("x\r")
    chat.read(0.5)
    stop(chat)
    store = Store(default_path())
    history = store.load(store.recent(1)[0].id)
    store.close()
    assert history.system is not None
    assert history.system.message.content == words


def test_a_paste_during_an_answer_is_not_sent(chat: Terminal) -> None:
    begin(chat)
    pasted = "\n".join(f"/line {number}" for number in range(50))
    chat.press(PASTE.format(pasted))
    shows(chat, "... /line 49")
    assert "unknown command" not in chat.text()
    chat.press("\r")
    chat.read(0.5)
    chat.press("\x03")
    shows(chat, PROMPT.strip())
    assert [text for role, text in kept() if role == "user"] == [STORY, pasted]


def test_nothing_typed_ahead_is_on_the_screen_in_the_answer(chat: Terminal) -> None:
    begin(chat)
    chat.press("UNSEEN\r")
    chat.wait_for(lambda text: text.count("context") == 2)
    shows(chat, PROMPT.strip())
    assert chat.text().count("UNSEEN") == 1
    assert chat.text().count(">>> UNSEEN") == 1


def test_ctrl_c_stops_within_half_a_second_and_what_was_typed_is_not_sent(chat: Terminal) -> None:
    chat.say("/conf max_new_tokens=2000")
    begin(chat)
    chat.press("typed\rahead")
    chat.read(0.3)
    assert stop(chat) < 0.5
    shows(chat, "... ahead")
    assert ">>> typed" in chat.text()
    chat.press("\x03")
    shows(chat, PROMPT.strip())
    assert [role for role, _ in kept()] == ["user", "assistant"]


@pytest.mark.timing
def test_ctrl_c_while_the_prompt_is_read_returns_within_half_a_second(chat: Terminal) -> None:
    chat.press(PASTE.format("some words to read " * 1200) + "\r")
    chat.wait_for("reading ")
    assert stop(chat) < 0.5
    shows(chat, PROMPT.strip())
    chat.say("/conf max_new_tokens=1")
    assert chat.leave() == 0


def test_an_escape_pressed_in_an_answer_changes_no_later_key(chat: Terminal) -> None:
    begin(chat)
    chat.press("\x1b")
    chat.read(0.3)
    chat.press("abc")
    shows(chat, ">>> abc")


def test_ctrl_d_typed_ahead_leaves(chat: Terminal) -> None:
    begin(chat)
    assert chat.leave() == 0
    assert len(kept()) == 2
