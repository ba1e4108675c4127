"""The greeting: the real command on a real pty, wide and narrow, and with other models and roles."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import RunCommand
from driver import Terminal

from qwen_chat import __version__, i18n
from qwen_chat.roles import load_role

Greet = Callable[..., list[str]]
HERE = "It runs on this machine, offline: nothing you type leaves it."
COMMANDS = "/help lists commands · Ctrl-C stops an answer · Ctrl-D leaves"


@pytest.fixture
def greet(model_path: Path) -> Iterator[Greet]:
    """Open a chat, and return the rows above its prompt."""
    opened: list[Terminal] = []

    def open_chat(*arguments: str, columns: int = 80) -> list[str]:
        opened.append(Terminal(*arguments, size=(24, columns)))
        return opened[-1].ready().splitlines()[:-1]

    yield open_chat
    for chat in opened:
        chat.kill()


def test_three_lines_say_who_answers_where_and_what_to_try(greet: Greet) -> None:
    assert greet() == [
        f"qwen-chat {__version__} · SmolLM2-135M-Instruct · a very small model: expect mistakes",
        HERE,
        "Try: What is the capital of France? · Tell me a joke. · /help (Ctrl-D leaves)",
    ]


def test_a_narrow_window_breaks_rows_between_two_parts(greet: Greet) -> None:
    assert greet(columns=40) == [
        f"qwen-chat {__version__} · SmolLM2-135M-Instruct",
        "a very small model: expect mistakes",
        "It runs on this machine, offline:",
        "nothing you type leaves it.",
        "Try: What is the capital of France?",
        "Tell me a joke. · /help (Ctrl-D leaves)",
    ]


def test_another_model_is_named_and_gets_questions_in_two_languages(
    greet: Greet, model_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "my model.gguf").symlink_to(model_path)
    assert greet("-c", str(tmp_path)) == [
        f"qwen-chat {__version__} · my model",
        HERE,
        f"Try: Write a haiku about rain. · {i18n.Text('welcome.starter_language')} · /help (Ctrl-D leaves)",
    ]


def test_a_base_model_gets_beginnings_of_texts(greet: Greet) -> None:
    assert "Try: The capital of France is · def fibonacci(n): · /help (Ctrl-D leaves)" in greet("--raw")


def test_a_role_brings_its_own_questions(greet: Greet) -> None:
    shown = greet("--role", "concise", columns=160)
    assert shown[2].startswith(f"Try: {load_role('concise').examples[0]}")


def test_a_conversation_that_is_continued_gets_the_keys_alone(
    greet: Greet, qwen_chat_process: RunCommand
) -> None:
    qwen_chat_process("-p", "Say hi.", "--max-new-tokens", "2")
    assert greet("--continue")[2] == COMMANDS


def test_quiet_says_nothing(greet: Greet) -> None:
    assert greet("--quiet") == []
