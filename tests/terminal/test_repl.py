"""The chat as a person sees it: the real command on a real pty, with the real demo model."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driver import Terminal

from qwen_chat import i18n
from qwen_chat.commands import COMMANDS
from qwen_chat.storage.store import Store, default_path

CALM = ("--temperature", "0", "--max-new-tokens", "12")
FRANCE = "What is the capital of France?"
STORY = "Write a very long story about a fox and a crow."
FOOTER = re.compile(
    r"\d+ tok · [\d.]+ tok/s · first token [\d.]+ s · prefill avoided \d+% · context \d+/8,192"
)

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(model_path: Path, babbler: Path) -> Iterator[Open]:
    """Open chats, with the demo model where sense matters; what is left open is closed."""
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, sense: bool = False, **options: object) -> Terminal:
        model = () if sense else ("-c", str(babbler))
        opened.append(Terminal(*model, *arguments, **options))  # type: ignore[arg-type]
        opened[-1].ready()
        return opened[-1]

    yield open_terminal
    for chat in opened:
        chat.kill()


def kept() -> list[tuple[str, str]]:
    """What the newest conversation on disk says."""
    store = Store(default_path())
    history = store.load(store.recent(1)[0].id)
    store.close()
    return [(node.message.role, node.message.content) for node in history.path()]


def test_a_talk(terminal: Open) -> None:
    chat = terminal(*CALM, sense=True)
    shown = chat.say(FRANCE)
    assert "The capital of France is" in shown
    assert FOOTER.search(shown)
    assert chat.leave() == 0
    assert kept()[0] == ("user", FRANCE)
    assert kept()[1][1] in shown.replace("\n", "")


@pytest.mark.parametrize("colon", ["/", ":"])
def test_every_command_of_qwens_demo(terminal: Open, colon: str) -> None:
    chat = terminal(*CALM)
    chat.say(FRANCE)
    for name in ("help", "h"):
        shown = chat.say(colon + name)
        assert "显示帮助信息" in shown
        assert "Show this help" in shown
    for name in ("history", "his"):
        assert f"[1] You: {FRANCE}" in chat.say(colon + name)
    assert "seed = random (the last answer's was" in chat.say(f"{colon}seed")
    assert "seed = 1234" in chat.say(f"{colon}seed 1234")
    assert "seed = 1234" in chat.say(f"{colon}seed")
    assert re.search(r"top_p +=", chat.say(f"{colon}conf"))
    assert "top_p = 0.5" in chat.say(f"{colon}conf top_p=0.5 top_k=7")
    assert re.search(r"top_k +=\s+7", chat.say(f"{colon}conf"))
    assert re.search(r"top_p +=\s+0.9", chat.say(f"{colon}reset-conf"))
    for name in ("clear-his", "clh"):
        assert "no longer sees" in chat.say(colon + name)
        assert "nothing has been said yet" in chat.say(f"{colon}history")
    for name in ("clear", "cl"):
        chat.press(f"{colon}{name}\r")
        chat.read(0.5)
        assert chat.screen.display[0].startswith(">>>")
    chat.press(f"{colon}exit\r")
    chat.read(0.5)
    assert chat.leave("") == 0


@pytest.mark.parametrize("leave", [":quit", ":q", "/exit", "/bye"])
def test_the_other_ways_out(terminal: Open, leave: str) -> None:
    assert terminal().leave(f"{leave}\r") == 0


def test_moves_in_the_conversation(terminal: Open) -> None:
    chat = terminal(*CALM)
    chat.say(FRANCE)
    chat.say("And of Italy?")
    assert "taken back: And of Italy?" in chat.say("/undo")
    assert "Italy" not in chat.say("/history")
    assert FOOTER.search(chat.say("/retry"))
    assert FOOTER.search(chat.say("/edit 1 What is the capital of Spain?"))
    assert "[1] You: What is the capital of Spain?" in chat.say("/history")
    assert "now says this" in chat.say("/edit 2 It is Madrid.")
    assert "Assistant: It is Madrid." in chat.say("/history")
    assert "<|im_start|>user⏎\nWhat is the capital of Spain?<|im_end|>⏎" in chat.say("/prompt")
    shown = chat.say("/stats")
    assert "babbler" in shown
    assert "2 in view, 8 in all" in shown
    assert "new conversation" in chat.say("/new")
    assert "nothing has been said yet" in chat.say("/history")
    assert "cannot undo 1" in chat.say("/undo")
    assert chat.leave() == 0


def test_edit_without_a_text_puts_the_old_one_on_the_line(terminal: Open) -> None:
    chat = terminal(*CALM)
    chat.say("What is the capital of Spain?")
    chat.press("/edit\r")
    chat.wait_for(lambda text: text.endswith("What is the capital of Spain?"))
    chat.press("\x7f" * len("Spain?") + "Italy?\r")
    chat.wait_for(lambda text: len(FOOTER.findall(text)) == 2)
    assert "You: What is the capital of Italy?" in chat.say("/history")


def test_system_prompts_and_roles(terminal: Open, tmp_path: Path) -> None:
    chat = terminal(*CALM, sense=True)
    assert "You are a helpful assistant." in chat.say("/system")
    assert "applies from the next answer on" in chat.say("/system Answer in one word.")
    assert "Answer in one word." in chat.say("/system")
    (tmp_path / "system.txt").write_text("From a file.")
    chat.say(f"/system @{tmp_path}/system.txt")
    assert "From a file." in chat.say("/system")
    assert "cannot read" in chat.say("/system @none.txt")
    assert "new chat" in chat.say("/role detective")
    assert "unknown role 'detectiv'" in chat.say("/role detectiv")


def test_files_and_finding_again(terminal: Open, tmp_path: Path) -> None:
    chat = terminal(*CALM)
    assert "nothing has been said yet" in chat.say("/save x.json")
    chat.say(FRANCE)
    assert f"saved to {tmp_path}/a.json" in chat.say(f"/save {tmp_path}/a.json")
    assert "exists: choose another name" in chat.say(f"/save {tmp_path}/a.json")
    chat.say(f"/export md {tmp_path}/a.md")
    assert FRANCE in (tmp_path / "a.md").read_text()
    chat.say(f"/export json {tmp_path}/b.json")
    assert json.loads((tmp_path / "b.json").read_text())["title"] == FRANCE
    assert "cannot load" in chat.say(f"/load {tmp_path}/a.md")
    chat.say("/new")
    assert f"[1] You: {FRANCE}" in chat.say(f"/load {tmp_path}/a.json")
    assert f"2 messages  {FRANCE}" in chat.say("/resume")
    assert f"[1] You: {FRANCE}" in chat.say("/resume 2")
    assert "no conversation begins with 'zzz'" in chat.say("/resume zzz")
    chat.leave()
    again = terminal("--continue")
    assert f"[1] You: {FRANCE}" in again.text()


def test_a_mistyped_command_is_never_sent(terminal: Open) -> None:
    chat = terminal()
    assert "unknown command /comf: did you mean /conf?" in chat.say(":comf top_p=0.5")
    assert "unknown command /hlep: did you mean /help?" in chat.say("/hlep")
    assert "top_p=2: must be from 0 to 1" in chat.say("/conf top_p=2")
    assert "temperature=hot: 'hot' is not a number" in chat.say(":conf temperature=hot")
    assert "nothing has been said yet" in chat.say("/history")


def test_code_is_not_run(terminal: Open, tmp_path: Path) -> None:
    chat = terminal()
    canary = tmp_path / "canary"
    chat.say(f":conf top_p=__import__('pathlib').Path('{canary}').touch()")
    chat.say(f":seed __import__('pathlib').Path('{canary}').touch()")
    assert not canary.exists()


def test_a_doubled_slash_begins_a_message(terminal: Open) -> None:
    chat = terminal(*CALM)
    chat.say("//history is a command")
    chat.leave()
    assert kept()[0] == ("user", "/history is a command")


def test_the_history_holds_what_was_typed_to_the_byte(terminal: Open) -> None:
    typed = "<b>&amp;&nbsp;</b> *stars* `ticks` \\_ [link](x) $5 and $10  two spaces"
    chat = terminal(*CALM)
    chat.say(typed)
    chat.leave()
    assert kept()[0] == ("user", typed)


def test_typing_begins_before_the_model_is_there(model_path: Path) -> None:
    chat = Terminal(*CALM)
    chat.wait_for(">>>")
    chat.press(FRANCE)
    chat.wait_for(f">>> {FRANCE}", seconds=20)
    chat.press("\r")
    chat.wait_for("The capital of France is")
    chat.process.close(force=True)


@pytest.mark.timing
def test_ctrl_c_keeps_the_partial_answer(terminal: Open) -> None:
    chat = terminal("--temperature", "0", sense=True)
    before = len(chat.text())
    chat.say(STORY, wait=False)
    chat.wait_for(lambda text: len(text) > before + 300)
    pressed = time.monotonic()
    chat.press("\x03")
    chat.wait_for("interrupted, the partial answer is kept")
    assert time.monotonic() - pressed < 2
    shown = chat.say("/history")
    assert "Assistant (interrupted): " in shown
    chat.say("/conf max_new_tokens=4")
    assert FOOTER.search(chat.say("Thank you."))
    chat.leave()
    partial = kept()[1][1]
    assert len(partial) > 200
    assert partial[:200] in chat.text().replace("\n", "") or partial[:60] in chat.text()


@pytest.mark.timing
def test_ctrl_c_while_the_prompt_is_read(terminal: Open) -> None:
    chat = terminal(sense=True)
    chat.press("\x1b[200~" + "some words to read " * 800 + "\x1b[201~\r")
    chat.wait_for("reading ")
    pressed = time.monotonic()
    chat.press("\x03")
    chat.wait_for("interrupted before it answered")
    assert time.monotonic() - pressed < 2
    chat.ready()
    assert chat.leave() == 0
    assert kept()[0][1].startswith("some words to read")


def test_ctrl_c_on_the_line(terminal: Open) -> None:
    chat = terminal()
    chat.press("half a thought")
    chat.wait_for(">>> half a thought")
    chat.press("\x03")
    chat.ready()
    chat.press("\x1b[A")
    chat.wait_for(">>> half a thought")
    chat.press("\x03")
    chat.ready()
    chat.press("\x03")
    chat.wait_for("press Ctrl-C again")
    chat.ready(2)
    time.sleep(2.2)
    chat.press("\x03")
    chat.wait_for(lambda text: text.count("press Ctrl-C again") == 2)
    assert chat.leave("\x03") == 130


def test_a_paste_of_200_lines_is_one_message(terminal: Open) -> None:
    chat = terminal("--max-new-tokens", "1", size=(24, 80))
    pasted = "\n".join(f"/line {number}" for number in range(200))
    chat.press(f"\x1b[200~{pasted}\x1b[201~")
    chat.read(1.0)
    assert "unknown command" not in chat.text()
    chat.press("\r")
    chat.wait_for("tok/s", seconds=120)
    chat.ready()
    chat.leave()
    assert kept()[0] == ("user", pasted)


def test_lines_are_broken_with_ctrl_j_and_alt_enter(terminal: Open) -> None:
    chat = terminal(*CALM)
    chat.press("one\ntwo\x1b\rthree\r")
    chat.wait_for("tok/s")
    chat.ready()
    chat.leave()
    assert kept()[0] == ("user", "one\ntwo\nthree")


def test_an_answer_is_written_once(terminal: Open) -> None:
    chat = terminal("--temperature", "0", "--max-new-tokens", "100", size=(40, 100), sense=True)
    chat.say(STORY)
    shown = chat.text()
    chat.leave()
    answer = kept()[1][1]
    assert len(answer) > 300
    assert shown.count(answer[:40]) == 1
    assert " ".join(answer.split()) in " ".join(shown.split())


def test_nothing_from_a_person_or_model_becomes_an_escape(terminal: Open, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31mred [/red] <b>"
    file = tmp_path / "chat.json"
    node = {"id": "a", "parent": None, "created": 1.0, "message": {"role": "user", "content": evil}}
    file.write_text(json.dumps({"format": "qwen-chat/1", "title": evil, "head": "a", "messages": [node]}))
    chat = terminal()
    start = len(chat.raw)
    chat.say(f"/load {file}")
    chat.say("/history")
    chat.say("/resume")
    assert b"\x1b]0;" not in chat.raw[start:]
    assert b"\x1b[2J" not in chat.raw[start:]
    assert chat.text().count("]0;owned[2J31mred [/red] <b>") == 4


def test_what_is_typed_during_an_answer_waits_for_the_prompt(terminal: Open) -> None:
    chat = terminal("--temperature", "0", "--max-new-tokens", "60")
    chat.say(STORY, wait=False)
    chat.read(0.6)
    chat.press("next question")
    chat.wait_for(">>> next question")
    chat.press("\x03")
    chat.ready()
    chat.leave()
    assert "next question" not in kept()[1][1]


def test_a_hangup_loses_nothing(terminal: Open) -> None:
    chat = terminal("--temperature", "0", sense=True)
    before = len(chat.text())
    chat.say(STORY, wait=False)
    chat.wait_for(lambda text: len(text) > before + 600)
    chat.process.kill(signal.SIGHUP)
    chat.read_to_end()
    assert not chat.process.isalive()
    (_, question), (_, partial) = kept()
    assert question == STORY
    assert len(partial) > 100


def test_no_history_leaves_nothing_behind(terminal: Open, home: Path) -> None:
    chat = terminal("--no-history", *CALM)
    chat.say(FRANCE)
    assert "without --no-history" in chat.say("/resume")
    chat.leave()
    assert not list(home.rglob("*.db"))
    assert not list(home.rglob("history"))


def test_plain_and_quiet(terminal: Open) -> None:
    chat = terminal("--plain", "--quiet", *CALM)
    assert chat.text().strip() == ">>>"
    shown = chat.say(FRANCE)
    assert "tok/s" not in shown
    assert re.search(rb"\x1b\[[0-9;]*(1|2|31)m", chat.raw) is None


def test_a_dumb_terminal_gets_text_alone(terminal: Open) -> None:
    chat = terminal(*CALM, environ={"TERM": "dumb"})
    assert "fox crow tree cheese" in chat.say(FRANCE)
    assert chat.say("/tokens hi").endswith("2 tokens")
    assert chat.leave() == 0
    assert b"\x1b" not in chat.raw


def test_a_screen_reader_is_never_taken_up_again(terminal: Open) -> None:
    chat = terminal("--screen-reader", *CALM)
    assert "fox crow tree cheese" in chat.say(FRANCE)
    chat.press("/cont")
    chat.wait_for(lambda text: text.endswith(">>> /cont"))
    chat.press("\x7f\t")
    chat.wait_for("/conf     /continue")
    chat.press("\x03What")  # what a suggestion in grey would go on from
    chat.wait_for(lambda text: text.endswith(">>> What"))
    chat.read(0.3)
    assert chat.text().endswith(">>> What")
    assert not re.search(rb"\x1b\[\d*A|\x1b\[\d+;\d+H|\x1b\[[\d;]*3[1-7]m", chat.raw)


def test_help_names_every_command(terminal: Open) -> None:
    chat = terminal(size=(60, 120))
    shown = chat.say("/help")
    for command in COMMANDS:
        assert command.summary in shown
        assert i18n.translate(command.summary, "zh") in shown
        assert all(f"/{name}" in shown for name in command.names)


def test_commands_complete_with_tab(terminal: Open) -> None:
    chat = terminal()
    chat.press("/expo\t")
    chat.wait_for(">>> /export")


def test_the_input_history_is_private(terminal: Open, home: Path) -> None:
    chat = terminal(*CALM)
    chat.say("/stats")
    chat.leave()
    (history,) = home.rglob("history")
    assert "/stats" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.parent.stat().st_mode & 0o777 == 0o700
