"""--verbose: all figures after each answer."""

import re
from pathlib import Path

import pytest
from command import RunCommand
from driver import Terminal

ROWS = ["loaded in", "first token", "prompt", "read", "wrote", "context", "seed", "sampling"]
CALM = ("--temperature", "0", "--max-new-tokens", "4", "--seed", "9")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_CHAT_THREADS", "1")


def rows_of(text: str) -> dict[str, str]:
    """Return what stands in the table, by the names of its rows."""
    found = (re.match(rf"({'|'.join(ROWS)})  +(\S.*)", line) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match}


def test_one_answer(qwen_chat: RunCommand) -> None:
    done = qwen_chat("-p", "Tell a story.", "--verbose", "--top-k", "3", "--stop", "x y", *CALM)
    first, *table = done.stderr.splitlines()
    assert first == "cut: a larger max_new_tokens allows more"
    rows = rows_of("\n".join(table))
    assert list(rows) == ROWS
    assert len(table) == len(ROWS)
    assert re.fullmatch(r"\d+\.\d\d s", rows["loaded in"])
    assert re.fullmatch(r"after \d+\.\d\d s", rows["first token"])
    assert (prompt := re.fullmatch(r"(\d+) tokens, 0 of them from the prefix cache", rows["prompt"]))
    assert re.fullmatch(rf"{prompt[1]} tokens in \d+\.\d\d s, [\d.,]+ tokens/s", rows["read"])
    assert re.fullmatch(r"4 tokens in \d+\.\d\d s, [\d.,]+ tokens/s", rows["wrote"])
    assert rows["context"] == f"{int(prompt[1]) + 4} of 8,192 tokens"
    assert rows["seed"] == "9"
    assert rows["sampling"].startswith("temperature 0.0, top_p 0.9, top_k 3, ")
    assert rows["sampling"].endswith("max_new_tokens 4, stop 'x y'")


def test_quiet_is_quiet(qwen_chat: RunCommand) -> None:
    assert qwen_chat("-p", "Hello.", "--verbose", "--quiet", *CALM).stderr == ""


def test_in_the_chat(model_path: Path) -> None:
    chat = Terminal("-c", str(model_path), "--verbose", "--no-history", *CALM)
    chat.ready()
    assert list(rows_of(chat.say("Tell a story."))) == ROWS
    known = rows_of(chat.say("Another one."))["prompt"]
    assert re.match(r"\d+ tokens, \d\d+ of them from the prefix cache", known)
    assert chat.leave() == 0
