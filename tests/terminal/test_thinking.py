"""Reasoning as a person sees it: the real command, and a real checkpoint that reasons, on a real pty."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import RunCommand
from driver import Terminal
from reasoner import SAMPLING, Kind, write_reasoner

from qwen_chat.history import Node
from qwen_chat.storage.store import Store, default_path

QUESTION = "What is the capital of France?"
OTHER = "Where do penguins live?"
LONG = "Tell me a very long story about a fox and a crow."
"""The reasoning about it goes on for hundreds of tokens."""

FOLDED = re.compile(r"^thought for \d+\.\d s \((\d+) words\)$", re.M)
FOOTER = re.compile(r"^\d+ tok · ", re.M)
GREEDY = ("--temperature", "0")
BRIEF = ("--ctx-size", "2048")
"""A context of which less is set up than by default."""

Open = Callable[..., Terminal]


@pytest.fixture(scope="module")
def reasoners(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """Checkpoints that reason, each written once."""
    folder = tmp_path_factory.mktemp("reasoners")
    kinds: tuple[Kind, ...] = ("opens", "is opened for", "does not")
    return {kind: write_reasoner(folder / f"{kind}.gguf", model_path, kind) for kind in kinds}


@pytest.fixture
def terminal(reasoners: dict[Kind, Path]) -> Iterator[Open]:
    """Open chats; what is left open is closed."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, kind: Kind = "opens") -> Terminal:
        opened.append(Terminal("-c", str(reasoners[kind]), *BRIEF, *(arguments or GREEDY)))
        opened[-1].ready()
        return opened[-1]

    yield open_terminal
    for chat in opened:
        chat.kill()


def kept() -> list[Node]:
    """What the newest conversation on disk says."""
    store = Store(default_path())
    path = store.load(store.recent(1)[0].id).path()
    store.close()
    return path


def answer(shown: str) -> str:
    """Return what stands between a question and the line on what the answer cost."""
    return "\n".join(line for line in shown.splitlines()[1:] if not FOOTER.match(line)).strip()


def of_reasoning(shown: str) -> str:
    """Return what stands below the question about which the model reasons for long."""
    return shown.partition(LONG)[2].strip()


def differs_from(before: str) -> Callable[[str], bool]:
    """Return what tells whether other words of the reasoning are shown than before."""
    return lambda shown: of_reasoning(shown).split() != of_reasoning(before).split()


@pytest.mark.parametrize("kind", ["opens", "is opened for"])
def test_reasoning_is_dim_while_it_comes_and_folded_when_it_is_done(terminal: Open, kind: Kind) -> None:
    chat = terminal(kind=kind)
    shown = chat.say(QUESTION)
    chat.leave()
    message = kept()[1].message
    assert "user asks" in message.reasoning
    assert "Paris" in message.content
    assert "think>" not in message.reasoning + message.content
    assert re.search(rb"\x1b\[2mThe user asks", chat.raw), chat.raw[-3000:]
    folded, _, said = answer(shown).partition("\n")
    assert FOLDED.fullmatch(folded)
    assert said.split() == message.content.split()
    assert "user asks" not in chat.text()


def test_a_window_resized_meanwhile_is_not_torn(reasoners: dict[Kind, Path], tmp_path: Path) -> None:
    assert shutil.which("tmux"), "tmux is missing: install it"

    def tmux(*arguments: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def wait_for(done: Callable[[str], bool]) -> str:
        """Look at the screen and all above it until it is as wanted."""
        end = time.monotonic() + 30
        while not done(shown := tmux("capture-pane", "-p", "-J", "-S", "-").rstrip()):
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown

    options = [*BRIEF, *GREEDY, "--quiet", "--max-new-tokens", "250"]
    command = [sys.executable, "-m", "qwen_chat", "-c", str(reasoners["opens"]), *options]
    tmux("new-session", "-d", "-x", "80", "-y", "24", f"seq 40; QWEN_CHAT_THREADS=1 {shlex.join(command)}")
    try:
        wait_for(lambda shown: shown.endswith(">>>"))
        tmux("send-keys", LONG, "Enter")
        for width in (50, 120, 40):
            before = wait_for(lambda shown: len(of_reasoning(shown).split()) > 10)
            tmux("resize-window", "-x", str(width))
            wait_for(differs_from(before))
        assert not FOLDED.search(tmux("capture-pane", "-p")), "the reasoning was too short for this"
        shown = wait_for(lambda shown: shown.endswith("\n>>>"))
    finally:
        tmux("kill-server")
    assert shown.count("\n") == 42, shown
    question, folded, prompt = shown.split("\n")[40:]
    assert question == f">>> {LONG}"
    assert FOLDED.fullmatch(folded)
    assert prompt == ">>>"


def test_reasoning_is_switched(terminal: Open) -> None:
    chat = terminal()
    assert "thinking: auto" in chat.say("/think")
    assert "thinking: off" in chat.say("/think off")
    shown = chat.say(QUESTION)
    assert not FOLDED.search(shown)
    assert answer(shown)
    assert "<think>⏎\n⏎\n</think>⏎⏎" in chat.say("/prompt")
    for choice in ("on", "auto"):
        assert f"thinking: {choice}" in chat.say(f"/think {choice}")
        assert FOLDED.search(chat.say(OTHER))
    assert "write /think on, /think off or /think auto" in chat.say("/think perhaps")
    assert "thinking: auto" in chat.say("/think")
    chat.leave()
    assert [bool(node.message.reasoning) for node in kept()[1::2]] == [False, True, True]


def test_a_soft_switch_goes_to_the_model_and_is_told(terminal: Open) -> None:
    chat = terminal()
    shown = chat.say(f"{QUESTION} /think")
    assert "reasoning is on from here on: your message says /think" in shown
    assert FOLDED.search(shown)
    chat.say("/think off")
    shown = chat.say(f"{QUESTION} /think")
    assert "/think and /no_think in a message have no effect while /think off is set" in shown
    assert not FOLDED.search(shown)
    assert f"{QUESTION} /think<|im_end|>" in chat.say("/prompt")


def test_reasoning_that_a_soft_switch_left_empty_is_not_shown(terminal: Open) -> None:
    chat = terminal(kind="does not")
    shown = chat.say(f"{QUESTION} /no_think")
    assert "reasoning is off from here on: your message says /no_think" in shown
    assert "thought" not in shown
    assert "think>" not in shown
    prompt = chat.say("/prompt")
    assert f"{QUESTION} /no_think<|im_end|>" in prompt
    assert re.search(r"<\|im_start\|>assistant⏎\n\n[\d,]+ of [\d,]+ tokens", prompt)
    chat.leave()
    message = kept()[1].message
    assert "Paris" in message.content
    assert message.reasoning == ""
    assert message.content in shown


def test_hidden_reasoning_is_a_line(terminal: Open) -> None:
    chat = terminal("--hide-thinking", *GREEDY)
    shown = chat.say(QUESTION)
    chat.leave()
    message = kept()[1].message
    assert FOLDED.search(shown)
    assert message.content in shown
    assert b"user asks" not in chat.raw
    assert "user asks" in message.reasoning


def test_reasoning_is_kept_apart_and_out_of_later_prompts(terminal: Open, qwen_chat: RunCommand) -> None:
    chat = terminal()
    chat.say(QUESTION)
    chat.say(OTHER)
    prompt = chat.say("/prompt").replace("⏎\n", "\n")
    chat.leave()
    _, first, _, second = (node.message for node in kept())
    assert f"<|im_start|>assistant\n{first.content}<|im_end|>" in prompt
    assert first.reasoning not in prompt
    assert second.reasoning
    exported = json.loads(qwen_chat("chats", "export", "1", "--format", "json").stdout)
    reasonings = [node["message"].get("reasoning") for node in exported["messages"]]
    assert [text for text in reasonings if text] == [first.reasoning, second.reasoning]


def test_ctrl_c_within_the_reasoning(terminal: Open) -> None:
    chat = terminal("--max-new-tokens", "40", *GREEDY)
    chat.say(LONG, wait=False)
    chat.wait_for(lambda text: len(of_reasoning(text).split()) > 10)
    chat.press("\x03")
    shown = chat.wait_for("interrupted, the partial answer is kept")
    chat.ready()
    assert len(FOLDED.findall(shown)) == 1
    assert "Assistant (interrupted): (reasoning alone)" in chat.say("/history")
    chat.say("/continue")
    chat.say("/retry")
    assert FOLDED.search(chat.say(QUESTION))
    chat.leave()
    store = Store(default_path())
    history = store.load(store.recent(1)[0].id)
    store.close()
    retried = history.path()[1]
    (gone_on_with,) = (n for n in history.siblings(retried.id) if n.id != retried.id)
    assert gone_on_with.answer is not None
    assert gone_on_with.answer.finish_reason == "length"
    # At temperature 0, what was gone on with is what comes without an interruption.
    assert gone_on_with.message.reasoning.startswith(retried.message.reasoning)
    assert len(gone_on_with.message.reasoning) > len(retried.message.reasoning)


def test_a_pipe_gets_the_answer_alone(reasoners: dict[Kind, Path], qwen_chat: RunCommand) -> None:
    ask = ("-c", str(reasoners["opens"]), "--threads", "1", *BRIEF, *GREEDY, "-p", QUESTION)
    told = json.loads(qwen_chat(*ask, "--json").stdout)
    assert "user asks" in told["reasoning"]
    assert "Paris" in told["text"]
    assert qwen_chat(*ask).stdout == f"{told['text']}\n"


def test_sampling_is_as_the_checkpoint_says(terminal: Open) -> None:
    chat = terminal("--max-new-tokens", "8")
    for think in ("on", "off"):
        chat.say(f"/think {think}")
        shown = chat.say("/conf")
        for name, value in (("temperature", SAMPLING["temp"]), ("top_p", SAMPLING["top_p"])):
            assert re.search(rf"^{name} += +{value}\b", shown, re.M)
