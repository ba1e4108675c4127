"""Tab completion in real shells: commands, flags, their values, and files."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import RunCommand
from driver import Terminal

from qwen_chat.roles import role_names

_SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
_SETUP = {
    "bash": 'PS1="$ "; eval "$(qwen-chat completion bash)"',
    "zsh": 'PS1="$ "; autoload -U compinit; compinit -u -D; eval "$(qwen-chat completion zsh)"',
    "fish": "function fish_prompt; echo '$ '; end; qwen-chat completion fish | source",
}


@pytest.fixture(params=_SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path, model_path: Path) -> Iterator[Terminal]:
    """Open a shell that has read our script, in a folder with one file."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    (tmp_path / "zebra.gguf").touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {"PATH": path, "HOME": str(tmp_path), "PWD": str(tmp_path)}
    opened = Terminal(command=_SHELLS[request.param], environ=environ)
    opened.press(f"cd {tmp_path}; {_SETUP[request.param]}; echo re''ady\r")
    opened.wait_for("\nready", 20)
    yield opened
    opened.kill()


def test_tab(shell: Terminal) -> None:
    for typed, wanted in {
        "qwen-chat qua": "qwen-chat quantize",
        "qwen-chat config show --orig": "qwen-chat config show --origin",
        "qwen-chat --role=swordsman-": "qwen-chat --role=swordsman-zh",
        "qwen-chat roles show detective-": "qwen-chat roles show detective-zh",
        "qwen-chat -c zeb": "qwen-chat -c zebra.gguf",
    }.items():
        shell.press(f"{typed}\t")
        shell.wait_for(lambda text, wanted=wanted: wanted in text.splitlines()[-1], 20)  # type: ignore[misc]
        shell.press("\x03")
        shell.read(0.2)


def asked(monkeypatch: pytest.MonkeyPatch, words: str, run: RunCommand) -> list[str]:
    """Return what a shell would be offered for the last of the words."""
    monkeypatch.setenv("_QWEN_CHAT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    done = run()
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_what_is_offered(monkeypatch: pytest.MonkeyPatch, qwen_chat: RunCommand) -> None:
    def offered(words: str) -> list[str]:
        return asked(monkeypatch, words, qwen_chat)

    assert offered("qwen-chat --role ") == role_names()
    assert offered("qwen-chat --role = detective") == ["detective", "detective-zh"]
    assert "models" in offered("qwen-chat ")
    assert offered("qwen-chat --kv-cache q4") == ["q4_1", "q4_0"]
    assert offered("qwen-chat -c emb") == ["embedded"]
    assert offered("qwen-chat completion ") == ["bash", "zsh", "fish"]
    assert offered("qwen-chat -p hi mod") == ["mod"], "a command is the first word, what follows is a file"
    assert offered("qwen-chat models --j") == ["--json"]
    assert offered("qwen-chat -c qwen3-8") == ["qwen3-8b"]


def test_a_fault_says_nothing_while_a_line_is_typed(
    monkeypatch: pytest.MonkeyPatch, home: Path, qwen_chat: RunCommand
) -> None:
    folder = home / "config" / "qwen-chat"
    (folder / "roles").mkdir(parents=True)
    (folder / "config.toml").write_text("= broken")
    (folder / "roles" / "broken.toml").write_text("= broken")
    assert "broken" not in asked(monkeypatch, "qwen-chat --role ", qwen_chat)
    monkeypatch.setenv("_QWEN_CHAT_COMPLETE", "nonsense")
    done = qwen_chat()
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 1)


def test_an_unknown_shell_is_told_the_known_ones(qwen_chat: RunCommand) -> None:
    done = qwen_chat("completion", "ksh")
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
    assert done.stderr.count("\n") == 1
