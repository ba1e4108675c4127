"""The same chat on a safetensors checkpoint: talk, retry, go back, resume, stop."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import warm
from command import RunCommand, run_process
from driver import Terminal

CALM = ("--dtype", "float32", "--temperature", "0", "--max-new-tokens", "10")
FRANCE = "What is the capital of France?"
AVOIDED = re.compile(r"prefill avoided (\d+)%")

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(smol_path: Path) -> Iterator[Open]:
    """Open chats on the checkpoint; what is left open is closed."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal("-c", str(smol_path), *CALM, *arguments, modules=warm.TORCH))
        opened[-1].ready()
        return opened[-1]

    yield open_terminal
    for chat in opened:
        chat.kill()


def avoided(shown: str) -> int:
    found = AVOIDED.findall(shown)
    assert found, shown
    return int(found[-1])


def test_a_talk_with_retry_undo_and_resume(terminal: Open) -> None:
    chat = terminal()
    chat.wait_for("cpu, float32, sdpa")  # said above the prompt once it is loaded
    shown = chat.say(FRANCE)
    assert "The capital of France is Paris." in shown
    assert avoided(shown) == 0
    assert avoided(chat.say("/retry")) >= 95
    assert avoided(chat.say("And of Germany?")) >= 60
    chat.say("/undo")
    assert avoided(chat.say("And of Italy?")) >= 60
    assert "cpu, float32, sdpa" in chat.say("/stats")
    assert "<|im_start|>user⏎" in chat.say("/prompt")
    assert chat.leave() == 0
    again = terminal("--continue")
    assert "And of Italy?" in again.say("/history")
    assert "tok/s" in again.say("Thanks.")
    assert again.leave() == 0


@pytest.mark.timing
def test_ctrl_c_in_the_prompt_and_in_the_answer(terminal: Open) -> None:
    chat = terminal("--max-new-tokens", "400")
    chat.say("/conf max_new_tokens=1")
    chat.say("hi")
    chat.say("/conf max_new_tokens=400")
    chat.press("\x1b[200~" + "some words to read " * 800 + "\x1b[201~\r")
    chat.wait_for("reading ")
    pressed = time.monotonic()
    chat.press("\x03")
    chat.ready()
    assert time.monotonic() - pressed < 2  # the person is free at once; a busy machine draws late
    chat.say("/new")  # without the long message, the answer begins sooner
    chat.press("Write a very long story about a fox and a crow.\r")
    chat.wait_for(lambda text: "fox" in text.rpartition("a crow.")[2])
    chat.press("\x03")
    assert "interrupted" in chat.ready()
    assert chat.leave() == 0


def test_an_answer_in_a_pipe(smol_path: Path) -> None:
    ask = ("-c", str(smol_path), *CALM, "-s", "1", "--json", "-p", FRANCE)
    done = run_process(*ask, modules=warm.TORCH)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert record["text"] == "The capital of France is Paris."
    assert record["usage"]["completion_tokens"] == 8


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--gpu-layers", "3"), "--gpu-layers is not for a safetensors checkpoint"),
        (("--kv-cache", "q8_0"), "--kv-cache q8_0 is not for a safetensors checkpoint: take int8, int4, fp8"),
        (("--draft", "nowhere"), "no such file or folder: nowhere"),
        (("--ctx-size", "9000"), "--ctx-size 9000: this model was made for 8192"),
        (("--device-map", "nowhere.json"), "--device-map nowhere.json: no such file; it must be auto"),
        (("--max-memory", "much"), "--max-memory much: write DEVICE=SIZE"),
    ],
)
def test_a_flag_that_cannot_be(qwen_chat: RunCommand, smol_path: Path, flags: list[str], words: str) -> None:
    done = qwen_chat("-c", str(smol_path), *flags, "-p", "hi")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [("--dtype", "float32"), ("--quantize", "bnb-int8"), ("--kv-cache", "fp8")])
def test_a_flag_that_is_not_for_gguf(qwen_chat: RunCommand, flags: list[str]) -> None:
    done = qwen_chat(*flags, "-p", "hi")
    assert done.returncode == 2
    assert f"{flags[0]}" in done.stderr
    assert "is not for a GGUF file" in done.stderr
